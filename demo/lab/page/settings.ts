/** What the page remembers of its reader, where it may; a browser that keeps nothing is served all the same. */

export type Theme = 'system' | 'light' | 'dark';

const themes: readonly Theme[] = ['system', 'light', 'dark'];

export function readTheme(): Theme {
  return themes.find((theme) => theme === recall('lab-theme')) ?? 'system';
}

export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
  remember('lab-theme', theme);
}

export function nextTheme(theme: Theme): Theme {
  return themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system';
}

/** Whether single letters are shortcuts: speech input and shaky hands may not want that. */
export function lettersOn(): boolean {
  return recall('lab-letters') !== 'off';
}

export function switchLetters(on: boolean): void {
  remember('lab-letters', on ? 'on' : 'off');
}

function recall(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Forbidden or full: it holds until the page is closed.
  }
}
