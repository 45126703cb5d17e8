import { describe, expect, it } from 'vitest';
import { noisePrologue } from '../../tools/transports/esphome/encrypt.ts';
import { createNoiseHandshake } from '../../tools/transports/esphome/noise.ts';

const sequence = (start: number) => Uint8Array.from({ length: 32 }, (_, index) => start + index);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function createPair(keys = { initiator: sequence(0), responder: sequence(0) }) {
  const prologue = noisePrologue(2, 0x1f, 0x04);
  const initiator = createNoiseHandshake({
    role: 'initiator',
    presharedKey: keys.initiator,
    prologue,
    ephemeralSecret: sequence(32),
  });
  const responder = createNoiseHandshake({
    role: 'responder',
    presharedKey: keys.responder,
    prologue,
    ephemeralSecret: sequence(64),
  });
  return { initiator, responder };
}

function shakeHands() {
  const { initiator, responder } = createPair();
  responder.read(initiator.write());
  initiator.read(responder.write());
  return { client: initiator.split(), device: responder.split() };
}

describe('Noise_NNpsk0_25519_ChaChaPoly_SHA256', () => {
  // Made with noise-c, the library in the firmware, from the same keys and prologue.
  it('makes the messages and ciphertexts that noise-c makes', () => {
    const { initiator, responder } = createPair();
    const first = initiator.write();
    expect(hex(first)).toBe(
      '358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd1662543726b439460db92fc7b6775ecdf82854',
    );
    responder.read(first);
    const second = responder.write();
    expect(hex(second)).toBe(
      '79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a07695c9f984646a1e2aa298fd136c9f2',
    );
    initiator.read(second);
    const client = initiator.split();
    const device = responder.split();
    expect([0, 1, 2].map((last) => hex(client.send.encrypt(Uint8Array.of(0, 1, 2, last))))).toEqual(
      [
        'afbce2af331ee5333a345b964a7aa61569f143d8',
        '853d78f1c7bc527e88dceaa5a9f4fdc8f941045a',
        '09484ed1415f23a3746b5ad28520819e9b83acc3',
      ],
    );
    expect([0x41, 0x42].map((byte) => hex(device.send.encrypt(Uint8Array.of(byte))))).toEqual([
      'c44623f19b374c4b6645832c4103acf641',
      '97bda72acfe264971a4a00df3d1bb739bd',
    ]);
  });

  it('carries bytes both ways, frame after frame', () => {
    const { client, device } = shakeHands();
    for (const text of ['one', 'two', '']) {
      const bytes = Buffer.from(text);
      expect(device.receive.decrypt(client.send.encrypt(bytes))).toEqual(bytes);
      expect(client.receive.decrypt(device.send.encrypt(bytes))).toEqual(bytes);
    }
  });

  it('refuses a changed byte, a lost frame and a repeated frame', () => {
    const { client, device } = shakeHands();
    const first = client.send.encrypt(Buffer.from('first'));
    const second = client.send.encrypt(Buffer.from('second'));
    const changed = Uint8Array.from(first, (byte, index) => (index === 2 ? byte ^ 1 : byte));
    expect(() => device.receive.decrypt(changed)).toThrow();
    expect(() => shakeHands().device.receive.decrypt(second)).toThrow();
    const other = shakeHands();
    other.device.receive.decrypt(first);
    expect(() => other.device.receive.decrypt(first)).toThrow();
    expect(() => other.device.receive.decrypt(Buffer.alloc(15))).toThrow();
  });

  it('fails the handshake with another key', () => {
    const { initiator, responder } = createPair({
      initiator: sequence(0),
      responder: sequence(1),
    });
    const first = initiator.write();
    expect(() => responder.read(first)).toThrow();
  });

  it('fails on a public key that gives no secret, and on another length', () => {
    const { initiator } = createPair();
    initiator.write();
    expect(() => initiator.read(Buffer.alloc(48))).toThrow();
    expect(() => initiator.read(Buffer.alloc(47))).toThrow();
  });
});
