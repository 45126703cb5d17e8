import { describe, expect, it } from 'vitest';
import {
  challengeAnswer,
  invitationText,
  parseInvitationReply,
  parseUploadWords,
} from '../../tools/transports/arduino/protocol.ts';

describe('the ArduinoOTA protocol', () => {
  it('invites with command, port, size and MD5', () => {
    const md5 = '0123456789abcdef0123456789abcdef';
    expect(invitationText(51_234, 1_168_784, md5)).toBe(`0 51234 1168784 ${md5}\n`);
  });

  it.each([
    ['OK', { kind: 'ok' }],
    ['OK\n', { kind: 'ok' }],
    [`AUTH ${'a'.repeat(32)}`, { kind: 'challenge', hash: 'md5', nonce: 'a'.repeat(32) }],
    [`AUTH ${'b'.repeat(64)}`, { kind: 'challenge', hash: 'sha256', nonce: 'b'.repeat(64) }],
    [`AUTH ${'b'.repeat(63)}`, { kind: 'refused', text: `AUTH ${'b'.repeat(63)}` }],
    ['AUTH', { kind: 'refused', text: 'AUTH' }],
    ['OKAY', { kind: 'refused', text: 'OKAY' }],
    ['', { kind: 'refused', text: '' }],
  ])('understands the reply %j', (text, reply) => {
    expect(parseInvitationReply(Buffer.from(text))).toEqual(reply);
  });

  // Computed with Python's hashlib, as espota.py computes.
  it.each([
    [
      'md5',
      'md5',
      'a-real-password',
      'ab'.repeat(16),
      'cd'.repeat(16),
      'af8e7945c719b5ad23bf8cf4610a59ba',
    ],
    [
      'sha256',
      'sha256',
      'a-real-password',
      'ab'.repeat(32),
      'cd'.repeat(32),
      '4d63ba8b1efa8949a0c5caefe7e8bc77db582e5531bdf2667c663394b4551b93',
    ],
    [
      'sha256',
      'sha256',
      'pässwörd',
      `${'0'.repeat(63)}1`,
      'f'.repeat(64),
      '1204503bb3cb3b37e29ebea07da39553e70e1c1b23b4ad1ec7068550046754ae',
    ],
    [
      'sha256',
      'md5',
      'a-real-password',
      'ab'.repeat(32),
      'cd'.repeat(32),
      '72411b1f2dfce35db7cbd293c3cab25f533496919e272648e90685c4b5cf79af',
    ],
  ] as const)(
    'answers a %s challenge for a password kept as %s',
    async (hash, storedAs, password, nonce, clientNonce, response) => {
      expect(await challengeAnswer(hash, nonce, { password, storedAs, clientNonce })).toBe(
        `200 ${clientNonce} ${response}\n`,
      );
    },
  );

  it.each([
    ['', false, { kind: 'counting' }],
    ['1460', false, { kind: 'counting' }],
    ['14601460536', false, { kind: 'counting' }],
    ['1460O', false, { kind: 'counting' }],
    ['1460OK', false, { kind: 'done' }],
    ['OK', true, { kind: 'done' }],
    ['1460ERROR[4]: Not Enou', false, { kind: 'counting' }],
    [
      '1460ERROR[4]: Not Enough Space\r\n',
      false,
      { kind: 'failed', text: 'ERROR[4]: Not Enough Space' },
    ],
    ['ERROR[4]: Not Enough Space', true, { kind: 'failed', text: 'ERROR[4]: Not Enough Space' }],
    ['1460O', true, { kind: 'failed', text: 'O' }],
    ['1460', true, { kind: 'counting' }],
  ] as const)('understands %j (ended: %s)', (said, ended, word) => {
    expect(parseUploadWords(said, ended)).toEqual(word);
  });
});
