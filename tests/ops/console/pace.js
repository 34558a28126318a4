// Counts the frames that are drawn from here on, and the longest wait for one, in milliseconds.
() => {
  window.pace = { frames: 0, gap: 0 };
  let last = performance.now();
  const step = (now) => {
    window.pace.frames += 1;
    window.pace.gap = Math.max(window.pace.gap, now - last);
    last = now;
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
};
