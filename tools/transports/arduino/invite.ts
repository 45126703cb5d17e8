import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { DeliveryFailure } from '../../core/release/delivery.ts';
import { noAnswer } from '../lan/dial.ts';
import { passwordMissing, shown } from '../lan/failures.ts';
import {
  type ChallengeHash,
  challengeAnswer,
  clientNonceBytes,
  type InvitationReply,
  parseInvitationReply,
} from './protocol.ts';

export interface Invitation {
  readonly address: string;
  /** UDP port of the device. */
  readonly port: number;
  readonly text: string;
  readonly password: string | undefined;
  readonly timeoutMs: number;
  /** Ends the waiting: the user stopped it, or the device has connected although its answer was lost. */
  readonly signal: AbortSignal;
}

/** Datagrams get lost; a device answers within milliseconds when one arrives. */
const repeatMs = 3000;

/**
 * Invites a device and answers its challenge. Ends when the device agrees, or when the signal is aborted.
 *
 * @throws DeliveryFailure `device-password-missing`, `unauthorized`, `device-unexpected-answer`
 * @throws Error `ECONNREFUSED` when nothing listens there, `ETIMEDOUT` when nobody answers
 */
export async function invite(invitation: Invitation): Promise<void> {
  const talk = await openTalk(invitation);
  try {
    // Firmware that moved from an older core may still keep the MD5 of its password. It says no to the
    // SHA-256 first, and forgets the challenge; a second invitation brings a new one.
    for (const storedAs of ['sha256', 'md5'] as const) {
      const reply = await talk.ask(invitation.text);
      if (reply === undefined || reply.kind === 'ok') return;
      if (reply.kind === 'refused') throw refusedInvitation(reply.text);
      const verdict = await answer(talk, reply, invitation.password, storedAs);
      if (verdict === undefined || verdict.kind === 'ok') return;
      if (reply.hash === 'md5') break;
    }
    throw new DeliveryFailure('unauthorized', 'the device refuses the password', {
      hint: 'Give the password that the firmware *now running* sets with `ArduinoOTA.setPassword`.',
      retryable: false,
    });
  } finally {
    talk.close();
  }
}

async function answer(
  talk: Talk,
  { hash, nonce }: Extract<InvitationReply, { kind: 'challenge' }>,
  password: string | undefined,
  storedAs: ChallengeHash,
): Promise<InvitationReply | undefined> {
  if (password === undefined) throw passwordMissing();
  const clientNonce = randomBytes(clientNonceBytes(hash)).toString('hex');
  const credentials = {
    password,
    clientNonce,
    storedAs: hash === 'md5' ? 'md5' : storedAs,
  } as const;
  return talk.ask(await challengeAnswer(hash, nonce, credentials));
}

function refusedInvitation(text: string): DeliveryFailure {
  return new DeliveryFailure(
    'device-unexpected-answer',
    `the device answered the invitation with "${shown(text)}"`,
    { hint: 'Is this ArduinoOTA? Check --port and --protocol.', retryable: false },
  );
}

interface Talk {
  /** Sends a text until there is a reply; nothing when the signal ended the wait. */
  ask(text: string): Promise<InvitationReply | undefined>;
  close(): void;
}

/** Connected, so that a port where nothing listens is heard of, and only this device is heard. */
async function openTalk({ address, port, timeoutMs, signal }: Invitation): Promise<Talk> {
  const socket = createSocket(isIPv6(address.split('%')[0] ?? '') ? 'udp6' : 'udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(port, address, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  return {
    ask: (text) =>
      new Promise((resolve, reject) => {
        const say = (): void => socket.send(text);
        const repeat = setInterval(say, repeatMs);
        const limit = setTimeout(() => end(() => reject(noAnswer(timeoutMs))), timeoutMs);
        const onMessage = (datagram: Buffer): void =>
          end(() => resolve(parseInvitationReply(datagram)));
        const onError = (error: Error): void => end(() => reject(error));
        const onAbort = (): void => end(() => resolve(undefined));
        const end = (settle: () => void): void => {
          clearInterval(repeat);
          clearTimeout(limit);
          socket.off('message', onMessage).off('error', onError);
          socket.on('error', () => {});
          signal.removeEventListener('abort', onAbort);
          settle();
        };
        socket.removeAllListeners('error');
        socket.on('message', onMessage).on('error', onError);
        signal.addEventListener('abort', onAbort, { once: true });
        if (signal.aborted) onAbort();
        else say();
      }),
    close: () => socket.close(),
  };
}
