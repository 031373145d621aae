import type { BankCall } from '../engine/bank-call.ts';
import { refuse } from '../engine/refusal.ts';
import type { World } from '../engine/world.ts';
import type { ProtectionMaker } from '../profile.ts';
import { type AddressList, createAddressList, listSignIn } from './address-list.ts';
import { answerPost, isPostTo } from './behind-the-guard.ts';

/**
 * Requests from another address are held up until a question has been answered there, once: `POST /stepup`. The token
 * endpoint asks nothing: a new token still has to pass the list, and somebody on the move needs one to be asked at all.
 */
export function stepUp(question: Question): ProtectionMaker {
  return (world) => {
    const list = createAddressList(world);
    return {
      atToken: listSignIn(list),
      bankRoutes: answerPost(path, (ctx) => {
        ctx.status = 204;
      }),
      after: (call) => check(call, question, list, world),
      answerChallenge: (body, { password }) => {
        if (!body.includes(`"challenge":"${question}"`)) return undefined;
        const answer = question === 'captcha' ? { captcha: humanAnswer } : { password };
        return { path, body: JSON.stringify(answer) };
      },
    };
  };
}

/** What is asked: whether a human is there, or the password. */
export type Question = 'captcha' | 'password';

const path = '/stepup';

/** The lab's CAPTCHA is solved by whoever is human; and thieves are. */
const humanAnswer = 'a human was here';

function check(call: BankCall, question: Question, list: AddressList, world: World): void {
  const grant = call.claims?.grant_id;
  if (list.has(grant, call.address)) return;
  const isAnswered = isPostTo(path, call.ctx) && isRight(call, question, world);
  if (!isAnswered) refuse(question, 403, { error: 'step_up_required', challenge: question });
  list.add(grant, call.address);
}

function isRight({ exchange, claims }: BankCall, question: Question, { issuer }: World): boolean {
  const answer = readAnswer(exchange.body);
  if (question === 'captcha') return answer['captcha'] === humanAnswer;
  const user = issuer.users.get(claims?.sub ?? '');
  return user !== undefined && answer['password'] === user.password;
}

function readAnswer(body: string | null): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(body ?? '')) as Record<string, unknown>;
  } catch {
    return {};
  }
}
