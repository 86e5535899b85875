// Before the first paint, so that nothing flashes: the theme somebody chose, if any.
try {
  const theme = localStorage.getItem('theme');
  if (theme) document.documentElement.dataset.theme = theme;
} catch { /* storage may be forbidden; then the system decides */ }
