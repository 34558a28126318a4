/* Light or dark: as the system says, until somebody chooses. */

import { byId, mark } from "./dom.js";

const KEPT = "tape.theme";
const system = matchMedia("(prefers-color-scheme: light)");

function chosen() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null; // storage is switched off: the system's choice it is
  }
}

export const current = () => document.documentElement.dataset.theme;

/** Calls `changed` at first and after each change. */
export function start(changed) {
  const show = () => {
    const theme = chosen() ?? (system.matches ? "light" : "dark");
    document.documentElement.dataset.theme = theme;
    mark(byId("theme"), "aria-label", `Theme: ${theme}. Change it`);
    changed(theme);
  };
  system.addEventListener("change", show);
  byId("theme").addEventListener("click", () => {
    try {
      localStorage.setItem(KEPT, current() === "dark" ? "light" : "dark");
    } catch {
      return;
    }
    show();
  });
  show();
}

/** A colour of the style sheet, by its name. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
