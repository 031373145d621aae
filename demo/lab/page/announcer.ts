/** One polite line for screen readers at a time, at most one in two seconds: the latest one gets through. */

const pauseMilliseconds = 2000;

export function createAnnouncer(region: Element): (text: string) => void {
  let waiting: string | undefined;
  let resting = false;
  const say = (text: string): void => {
    region.textContent = text;
    resting = true;
    setTimeout(() => {
      resting = false;
      const next = waiting;
      waiting = undefined;
      if (next !== undefined) say(next);
    }, pauseMilliseconds);
  };
  return (text) => {
    if (resting) waiting = text;
    else say(text);
  };
}
