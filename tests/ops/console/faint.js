// Texts that stand out too little from what is behind them (WCAG AA: 4.5 to 1).
() => {
  const parts = (text) => text.match(/[\d.]+/g).map(Number);
  const over = ([r, g, b, a = 1], back) => [r, g, b].map((value, at) => value * a + back[at] * (1 - a));
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const style = (node) => getComputedStyle(node);
  const behind = (node) =>
    node ? over(parts(style(node).backgroundColor), behind(node.parentElement)) : [255, 255, 255];
  const contrast = (node) => {
    const back = behind(node);
    const [low, high] = [light(over(parts(style(node).color), back)), light(back)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const nodes = new Set();
  while (texts.nextNode()) if (texts.currentNode.data.trim()) nodes.add(texts.currentNode.parentElement);
  const seen = [...nodes].filter((node) => node.checkVisibility() && !node.closest(":disabled"));
  if (seen.length < 100) return [`only ${seen.length} texts`];
  return seen.filter((node) => contrast(node) < 4.5).map((node) => `${node.className}: ${node.textContent}`);
}
