import type { BenchAnswer, Catalogue, Recording, Report, RunEvent } from '../model.ts';
import type { LabSource } from './view.ts';

/** Data from the lab's server, on the origin of the page. */
export function createHttpSource(): LabSource {
  return {
    live: true,
    catalogue: async () => (await ask('catalogue')).json() as Promise<Catalogue>,
    report: readReport,
    record: async (request) => (await post('tries', request)).json() as Promise<Recording>,
    run: runThere,
    bench: async (request) => (await post('bench', request)).json() as Promise<BenchAnswer>,
    export: async (format, report, recordings) =>
      (await post('export', { format, report, recordings })).blob(),
  };
}

async function readReport(): Promise<Report | undefined> {
  const response = await reach('report', {});
  if (response.status === 404 || response.status === 204) return undefined;
  return (await refuseErrors(response)).json() as Promise<Report>;
}

const runThere: LabSource['run'] = async (request, tell, signal) => {
  signal.throwIfAborted();
  const { run } = (await (await post('runs', request)).json()) as { readonly run: string };
  const path = `runs/${encodeURIComponent(run)}`;
  const stop = (): void => {
    // The stream tells how it ended; one that is gone already has nothing to stop.
    reach(path, { method: 'DELETE' }).catch(() => undefined);
  };
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  await listen(`${path}/events`, tell).finally(() => signal.removeEventListener('abort', stop));
};

/** The browser comes back by itself after a short interruption, and says up to where it has heard. */
function listen(path: string, tell: (event: RunEvent) => void): Promise<void> {
  const stream = new EventSource(toUrl(path));
  return new Promise<void>((resolve, reject) => {
    stream.onmessage = ({ data }) => {
      const event = JSON.parse(String(data)) as RunEvent;
      tell(event);
      if (event.type === 'run.end') resolve();
    };
    stream.onerror = () => {
      if (stream.readyState === EventSource.CLOSED) reject(new Error('The lab stopped telling of this run.'));
    };
  }).finally(() => stream.close());
}

function post(path: string, body: unknown): Promise<Response> {
  const headers = { 'Content-Type': 'application/json' };
  return ask(path, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return refuseErrors(await reach(path, init));
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(toUrl(path), init);
  } catch (error) {
    throw new Error('The lab does not answer. Is it still running?', { cause: error });
  }
}

async function refuseErrors(response: Response): Promise<Response> {
  if (response.ok) return response;
  throw new Error(readSentence(await response.text()) ?? `The lab answered ${response.status}.`);
}

/** `{"error": "One sentence."}` */
function readSentence(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown };
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}

function toUrl(path: string): string {
  return `/lab/api/${path}`;
}
