import type { CellWindow, Seconds } from '../model.ts';
import { durationText, windowLength } from './cell-marks.ts';

/** Times on the stage: clocks that run, windows in words, waits to choose. */

/** `00:59:58`, `2 d 22:00:00`. */
export function toClock(seconds: Seconds): string {
  const whole = Math.max(0, Math.floor(seconds));
  const days = Math.floor(whole / 86_400);
  const parts = [(whole % 86_400) / 3600, (whole % 3600) / 60, whole % 60];
  const clock = parts.map((part) => String(Math.floor(part)).padStart(2, '0')).join(':');
  return days > 0 ? `${days} d ${clock}` : clock;
}

/** `works for 60 min after the theft`, `works from 310 s to 60 min after the theft`. */
export function toWindowText(window: CellWindow): string {
  const until = windowLength(window);
  if (until === null) return 'works without end';
  if (window.first <= 1) return `works for ${durationText(until)} after the theft`;
  return `works from ${durationText(window.first)} to ${durationText(until)} after the theft`;
}

/** Between theft and use. The odd ones are around the ends of common windows. */
export const waits: readonly Seconds[] = [1, 30, 120, 310, 600, 1500, 3590, 3660, 86_400, 259_200, 604_800];

/** The waits to choose from, and another one where it came with the address. */
export function waitsWith(seconds: Seconds): readonly Seconds[] {
  return [...new Set([...waits, seconds])].sort((a, b) => a - b);
}

/** From `?t=30`; one second where it is missing or no sensible number. */
export function readWait(text: string | null): Seconds {
  const seconds = Number(text ?? 1);
  return Number.isInteger(seconds) && seconds >= 0 && seconds <= 604_800 ? seconds : 1;
}
