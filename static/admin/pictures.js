// A picture that is chosen is shown at once, and one that is too large to be sent is made smaller first.
"use strict";

const MAX_SIDE = 1600;
const MAX_BYTES = 600_000; // the server takes a form of a megabyte, with all else that is in it

let preparing = null;

document.addEventListener("change", (event) => {
  if (!event.target.matches('input[type="file"][accept^="image/"]')) return;
  const current = prepare(event.target).finally(() => {
    if (preparing === current) preparing = null;
  });
  preparing = current;
});

// Who is quicker than that waits for it.
document.addEventListener("submit", (event) => {
  if (!preparing) return;
  event.preventDefault();
  preparing.then(() => event.target.requestSubmit(event.submitter));
});

async function prepare(input) {
  const shown = input.parentElement.querySelector(".picture-new");
  shown.replaceChildren();
  shown.hidden = true;
  const [file] = input.files;
  if (!file) return;
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) return; // the server says what is wrong with it
  const canvas = draw(picture, Math.min(1, MAX_SIDE / Math.max(picture.width, picture.height)));
  if (file.size > MAX_BYTES) {
    const smaller = await shrink(canvas);
    const files = new DataTransfer();
    files.items.add(new File([smaller], file.name, { type: smaller.type }));
    if (input.files[0] === file) input.files = files.files;
  }
  shown.append(draw(canvas, 96 / canvas.height));
  shown.hidden = false;
}

function draw(picture, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas;
}

// WebP keeps what is transparent; a browser that cannot write it returns PNG, which may need fewer pixels.
async function shrink(canvas) {
  const blob = await new Promise((done) => canvas.toBlob(done, "image/webp", 0.9));
  return blob.size > MAX_BYTES && canvas.width > 200 ? shrink(draw(canvas, 0.75)) : blob;
}
