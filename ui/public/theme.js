// Sets the theme that was chosen by hand; without a choice the page follows the system. Kept apart from the bundle
// because it must run before the first paint and the content security policy allows no inline script.
;(function () {
  try {
    var theme = localStorage.getItem('stead.theme')
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
  } catch {
    // Storage is switched off: follow the system.
  }
})()
