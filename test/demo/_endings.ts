import {
  type App,
  allowed,
  errorOf,
  type Registration,
  spa,
  type Tokens,
  type World,
  web,
} from './_oauth.ts';

/** The ways in which tokens end before their time. */

export interface Ending {
  readonly name: string;
  readonly registration: Registration;
  /** What was ended is this client's access token; what comes of its refresh token? */
  readonly grant: 'alive' | 'ended';
  /** Gets tokens for alice, and what will end them. */
  readonly begin: (app: App, world: Pick<World, 'browser'>) => Promise<Begun>;
}

export interface Begun {
  readonly tokens: Tokens;
  readonly end: () => Promise<unknown>;
}

const asking = { way: 'pushed', jkt: 'parameter' } as const;

async function begin(
  app: App,
  world: Pick<World, 'browser'>,
  end: (tokens: Tokens, again: () => Promise<Tokens>) => Promise<unknown>,
): Promise<Begun> {
  const { asked, callback } = await allowed(app, world, asking);
  const redeem = (): Promise<Tokens> => app.redeem(callback, asked);
  const tokens = await redeem();
  return { tokens, end: () => end(tokens, redeem) };
}

export const endings: readonly Ending[] = [
  ...[spa, web].flatMap((registration): Ending[] => [
    {
      name: `its revocation by ${registration.clientId}`,
      registration,
      grant: 'alive',
      begin: (app, world) => begin(app, world, ({ access_token }) => app.revoke(access_token)),
    },
    {
      name: `the revocation of its refresh token by ${registration.clientId}`,
      registration,
      grant: 'ended',
      begin: (app, world) => begin(app, world, ({ refresh_token = '' }) => app.revoke(refresh_token)),
    },
    {
      name: `its code used again by ${registration.clientId}`,
      registration,
      grant: 'ended',
      begin: (app, world) => begin(app, world, (_, again) => errorOf(again())),
    },
  ]),
  {
    name: 'its refresh token used again after it was replaced',
    registration: spa,
    grant: 'ended',
    begin: (app, world) =>
      begin(app, world, async ({ refresh_token = '' }) => {
        await app.refresh(refresh_token);
        await errorOf(app.refresh(refresh_token));
      }),
  },
];

/** A person signs out everywhere. */
export async function signOutEverywhere({ browser }: Pick<World, 'browser'>): Promise<void> {
  const page = await browser.open('/end-session');
  const after = await browser.submit(page, { where: 'everywhere' }, '/end-session');
  if (after.status !== 200) throw new Error(`not signed out: status ${after.status}\n${after.text}`);
}

/** Tokens tell in whole seconds when they were issued: those of the second of a sign-out end with it. */
export function nextSecond(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1005 - (Date.now() % 1000)));
}
