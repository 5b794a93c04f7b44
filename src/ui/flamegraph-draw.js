// Puts the boxes that are in sight on a canvas.

/** @typedef {import('./flamegraph-layout.js').Layout} Layout */

/** CSS pixels. */
export const ROW_HEIGHT = 20;

/** Narrower boxes cannot be seen, and there may be a hundred thousand of them. CSS pixels. */
const BOX_WIDTH_MIN = 0.5;
const TEXT_WIDTH_MIN = 24;

/**
 * @param {HTMLCanvasElement} canvas as high as what is seen; its size is set here
 * @param {Layout} layout
 * @param {{ view: { left: number, right: number }, top: number, width: number, height: number, dark: boolean,
 *   matches: ((name: string) => boolean) | undefined, selected: { depth: number, index: number } | undefined }} state
 *   `top`, `width` and `height` in CSS pixels: how far the graph is scrolled, and how much of it is seen
 */
export function draw(canvas, layout, { view, top, width, height, dark, matches, selected }) {
  const ratio = window.devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const ctx = canvas.getContext('2d');
  ctx.scale(ratio, ratio);
  ctx.font = '12px ui-monospace, monospace';
  ctx.textBaseline = 'middle';
  const letterWidth = ctx.measureText('m').width;
  const scale = width / (view.right - view.left);

  const firstDepth = Math.floor(top / ROW_HEIGHT);
  const endDepth = Math.min(layout.rows.length, Math.ceil((top + height) / ROW_HEIGHT));
  for (let depth = firstDepth; depth < endDepth; depth++) {
    const row = layout.rows[depth];
    const y = depth * ROW_HEIGHT - top;
    for (let i = 0; i < row.left.length; i++) {
      if (row.right[i] <= view.left) continue;
      if (row.left[i] >= view.right) break;
      const x = Math.max(0, (row.left[i] - view.left) * scale);
      const boxWidth = Math.min(width, (row.right[i] - view.left) * scale) - x;
      if (boxWidth < BOX_WIDTH_MIN) continue;

      ctx.fillStyle = colourOf(row.name[i], { dark, faded: matches !== undefined && !matches(row.name[i]) });
      ctx.fillRect(x, y, Math.max(boxWidth - 1, BOX_WIDTH_MIN), ROW_HEIGHT - 1);
      if (selected?.depth === depth && selected.index === i) {
        ctx.strokeStyle = dark ? '#fff' : '#000';
        ctx.lineWidth = 2;
        ctx.strokeRect(x + 1, y + 1, Math.max(boxWidth - 3, 1), ROW_HEIGHT - 3);
      }
      if (boxWidth < TEXT_WIDTH_MIN) continue;
      ctx.fillStyle = dark ? '#f2f2f2' : '#1a1a1a';
      const letters = Math.floor((boxWidth - 8) / letterWidth);
      ctx.fillText(shortened(row.name[i], letters), x + 4, y + ROW_HEIGHT / 2);
    }
  }
}

/** One hue per package, so that code of one origin looks related. */
function colourOf(name, { dark, faded }) {
  if (faded) return dark ? '#33363b' : '#e4e6ea';
  const origin = name.replace(/[^/.:]*$/, '') || name;
  let hue = 0;
  for (let i = 0; i < origin.length; i++) hue = (hue * 31 + origin.charCodeAt(i)) % 360;
  return dark ? `hsl(${hue} 38% 32%)` : `hsl(${hue} 68% 80%)`;
}

/** The end of a name says more than its beginning, which is the package. */
function shortened(name, letters) {
  return name.length <= letters ? name : `…${name.slice(name.length - Math.max(0, letters - 1))}`;
}
