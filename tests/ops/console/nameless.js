// What a screen reader could not name: controls, and regions that can be jumped or scrolled to.
() => {
  const wanted = document.querySelectorAll("button, input, select, section, aside, dialog, table, [role], [tabindex]");
  const named = (node) =>
    node.labels?.length ||
    node.ariaLabel ||
    document.getElementById(node.getAttribute("aria-labelledby"))?.textContent.trim() ||
    (node.matches("button, [role=status], [role=alert], h2") && (node.textContent.trim() || node.matches("[role]")));
  if (wanted.length < 40) return [`only ${wanted.length}`];
  return [...wanted].filter((node) => !node.closest("#chart *") && !named(node)).map((node) => node.outerHTML.slice(0, 90));
}
