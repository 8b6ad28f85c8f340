// Names for what Django's own forms and lists name by their looks alone, for who does not see them: a cell's field by
// its column, the halves of a date and time by their legend, the box of a search, and boxes that other scripts make.

const FIELDS = 'input:not([type="hidden"], [type="submit"], [type="button"]), select, textarea';

function getText(element) {
  return element ? element.textContent.trim() : '';
}

function findName(field) {
  const cell = field.closest('td');
  if (cell) return getText(cell.closest('table').tHead?.rows[0]?.cells[cell.cellIndex]);
  if (field.id === 'searchbar') return 'Search';
  return getText(field.closest('.form-row')?.querySelector('legend, label')).replace(/:$/, '');
}

function nameFields() {
  for (const heading of document.querySelectorAll('thead th')) {
    if (heading.childElementCount || getText(heading)) continue;
    const cell = document.createElement('td');
    cell.className = heading.className;
    heading.replaceWith(cell);
  }
  for (const field of document.querySelectorAll(FIELDS)) {
    const isNamed = field.hasAttribute('aria-label') || [...(field.labels ?? [])].some(getText);
    const name = isNamed ? '' : findName(field);
    if (name) field.setAttribute('aria-label', name);
  }
  for (const box of document.querySelectorAll('.select2-selection[role="combobox"]')) {
    const chosen = box.getAttribute('aria-labelledby') ?? ''; // which may be nothing
    if (!chosen || chosen.includes(' ')) continue;
    const select = box.closest('.select2')?.previousElementSibling;
    const name = getText(select?.labels?.[0]).replace(/:$/, '') || 'Choose';
    box.id = `${chosen}-box`;
    box.setAttribute('aria-label', name);
    box.setAttribute('aria-labelledby', `${box.id} ${chosen}`);
    box.querySelector('[role="textbox"]')?.setAttribute('aria-label', name);
  }
  for (const icon of document.querySelectorAll('.help-tooltip[aria-label]')) icon.setAttribute('role', 'img');
}

// What scrolls sideways must be scrolled with the keyboard too.
function findWideRegions() {
  for (const region of document.querySelectorAll('.wide-table, fieldset.module')) {
    if (region.scrollWidth > region.clientWidth) region.tabIndex = 0;
  }
}

window.addEventListener('load', nameFields);
window.addEventListener('load', () => setTimeout(nameFields)); // boxes that are made on load themselves
window.addEventListener('load', findWideRegions);
window.addEventListener('resize', findWideRegions);
document.addEventListener('formset:added', nameFields);
