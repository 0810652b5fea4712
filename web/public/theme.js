// The remembered theme, before the first paint. A file of its own: no inline script is needed.
try {
  var theme = localStorage.getItem("pulsetrain.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch (error) {
  // Storage may be forbidden; then the system's preference holds.
}
