// Puts an answer on the page.

const COLORS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8c6bb1", "#999933"];
const LONGEST_SIDE = 800; // pixels of the picture on the page

/** Makes an element; `properties` may have any of its properties, `children` are elements or texts. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Shows {rows}, {tags} or {said} in a container; what is {painted} stands in the picture's place. */
export function showAnswer(container, { rows, tags, said, painted }) {
  if (painted) container.replaceChildren();
  else if (said !== undefined)
    container.replaceChildren(element("p", { className: "said" }, said || "nothing"));
  else if (tags) container.replaceChildren(element("ul", { className: "tags" }, ...tags.map(tagged)));
  else if (rows.length) container.replaceChildren(element("ol", { className: "bars" }, ...rows.map(bar)));
  else container.replaceChildren(element("p", {}, "nothing found"));
}

function bar({ name, probability, label }) {
  const fill = element("span", { className: "fill" });
  fill.style.width = `${100 * Math.min(Math.max(probability, 0), 1)}%`; // logits may lie outside
  if (label !== undefined) fill.style.background = colorOf(label);
  return element(
    "li",
    {},
    element("span", { className: "name" }, name),
    element("span", { className: "number" }, probability.toFixed(3)),
    element("span", { className: "track", ariaHidden: "true" }, fill),
  );
}

function tagged({ word, tag, probability }) {
  return element("li", {}, word, element("small", {}, `${tag} ${probability.toFixed(2)}`));
}

/** Draws a picture with the boxes and the map of classes of an answer, or what is painted in its place. */
export function showPicture(canvas, source, { width, height }, { boxes = [], map, painted } = {}) {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  if (painted) drawPainted(context, painted);
  if (map) drawMap(context, map);
  boxes.forEach((box) => drawBox(context, box));
}

function drawMap(context, { labels, width, height }) {
  const colors = new ImageData(width, height);
  labels.forEach((label, pixel) => {
    const color = parseInt(colorOf(label).slice(1), 16);
    colors.data.set([color >> 16, (color >> 8) & 255, color & 255, 140], 4 * pixel);
  });
  context.imageSmoothingEnabled = false;
  stretchOver(context, colors);
}

// RGB in [0, 255]
function drawPainted(context, { colors: rgb, width, height }) {
  const colors = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    colors.data.set([...rgb.subarray(3 * pixel, 3 * pixel + 3), 255], 4 * pixel);
  }
  stretchOver(context, colors);
}

function stretchOver(context, image) {
  const layer = new OffscreenCanvas(image.width, image.height);
  layer.getContext("2d").putImageData(image, 0, 0);
  context.drawImage(layer, 0, 0, context.canvas.width, context.canvas.height);
}

function drawBox(context, { name, label = 0, box: [top, left, bottom, right] }) {
  const { width, height } = context.canvas;
  const size = Math.max(12, Math.round(width / 30));
  context.font = `${size}px system-ui, sans-serif`;
  context.lineWidth = Math.max(2, width / 200);
  context.strokeStyle = context.fillStyle = colorOf(label);
  context.strokeRect(left * width, top * height, (right - left) * width, (bottom - top) * height);
  const y = Math.max(top * height - size - 4, 0);
  context.fillRect(left * width, y, context.measureText(name).width + 8, size + 4);
  context.fillStyle = "white";
  context.fillText(name, left * width + 4, y + size);
}

function colorOf(label) {
  return COLORS[label % COLORS.length];
}
