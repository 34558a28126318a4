// By colour: the columns of a picture that hold it (within a few shades), each with its rows.
async ([source, colours]) => {
  const image = new Image();
  image.src = source;
  await image.decode();
  const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const near = (at, rgb) => rgb.every((value, part) => Math.abs(data[at + part] - value) <= 6);
  return colours.map((rgb) => {
    const found = [];
    for (let x = 0; x < image.width; x += 1) {
      const rows = [];
      for (let y = 0; y < image.height; y += 1) if (near(4 * (y * image.width + x), rgb)) rows.push(y);
      if (rows.length) found.push([x, rows]);
    }
    return found;
  });
}
