// Light, dark or as the system has it. A plain script in the head, so that the first paint has the right colours.
(() => {
  const THEMES = ["auto", "light", "dark"];
  const root = document.documentElement;
  const stored = localStorage.getItem("ibactors.theme");

  function use(theme) {
    root.dataset.theme = theme;
    localStorage.setItem("ibactors.theme", theme);
    const button = document.getElementById("theme-button");
    if (button) button.textContent = `Theme: ${theme}`;
  }

  use(THEMES.includes(stored) ? stored : "auto");
  document.addEventListener("DOMContentLoaded", () => {
    use(root.dataset.theme);
    document.getElementById("theme-button").addEventListener("click", () => {
      use(THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length]);
    });
  });
})();
