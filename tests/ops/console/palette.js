// A picture with at most 256 colours: the most frequent of each shade stay, others become the nearest of them.
// Gives [width, height, colours as "r,g,b", rows of colour numbers as one base64 text].
async (source) => {
  const image = new Image();
  image.src = source;
  await image.decode();
  const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const split = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  const shades = new Map();
  for (const [pixel, count] of [...counts].sort((a, b) => b[1] - a[1])) {
    const name = split(pixel).map((part) => part >> 3).join();
    const shade = shades.get(name) ?? { pixel, count: 0 };
    shades.set(name, { pixel: shade.pixel, count: shade.count + count });
  }
  const kept = [...shades.values()].sort((a, b) => b.count - a.count).slice(0, 256).map(({ pixel }) => split(pixel));
  const far = (a, b) => (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2;
  const nearest = (rgb) => kept.reduce((best, one, at) => (far(one, rgb) < far(kept[best], rgb) ? at : best), 0);
  const number = new Map([...counts.keys()].map((pixel) => [pixel, nearest(split(pixel))]));
  let text = "";
  for (const pixel of pixels) text += String.fromCharCode(number.get(pixel));
  return [image.width, image.height, kept, btoa(text)];
}
