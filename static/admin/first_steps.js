// The browser knows where it is: choose its time zone, unless somebody has.
"use strict";
{
  const zones = document.querySelector("#first-step select[name=timezone]");
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zones && !document.querySelector(".errors") && [...zones.options].some((option) => option.value === here)) zones.value = here;
  document.querySelector("#first-step :is(input:not([type=hidden]), select)")?.focus();
}
