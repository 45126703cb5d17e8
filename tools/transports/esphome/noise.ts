import { createPublicKey, diffieHellman } from 'node:crypto';
import {
  deriveKeys,
  exportPublic,
  importPublic,
  importSecret,
  noiseKeyBytes,
  noiseTagBytes,
  seal,
  sha256,
  unseal,
} from './noise-primitives.ts';

/** Noise protocol framework, revision 34: pattern NNpsk0 over X25519, ChaCha20-Poly1305 and SHA-256. */
const protocolName = 'Noise_NNpsk0_25519_ChaChaPoly_SHA256';
/** Both messages: an ephemeral public key and the tag of an empty payload. */
export const noiseHandshakeBytes = noiseKeyBytes + noiseTagBytes;

/** One direction of a session after the handshake. */
export interface NoiseCipher {
  /** Plaintext to ciphertext and tag. */
  encrypt(plaintext: Uint8Array): Uint8Array;
  /** Throws when the tag does not fit: another key, a lost frame, a changed byte. */
  decrypt(ciphertext: Uint8Array): Uint8Array;
}

export interface NoiseHandshake {
  /** The message of this side, `noiseHandshakeBytes` long. */
  write(): Uint8Array;
  /** Takes the message of the other side. Throws when it was made with another key or prologue. */
  read(message: Uint8Array): void;
  /** After both messages: one cipher for each direction. */
  split(): { readonly send: NoiseCipher; readonly receive: NoiseCipher };
}

export interface NoiseOptions {
  readonly role: 'initiator' | 'responder';
  /** 32 bytes that both sides know. */
  readonly presharedKey: Uint8Array;
  /** What both sides saw before the handshake; a difference fails it. */
  readonly prologue: Uint8Array;
  /** 32 random bytes, used once. */
  readonly ephemeralSecret: Uint8Array;
}

/** Starts a handshake. The initiator writes, then reads; the responder reads, then writes. */
export function createNoiseHandshake(options: NoiseOptions): NoiseHandshake {
  const state = createSymmetricState(options.prologue);
  const secret = importSecret(options.ephemeralSecret);
  const ownPublic = exportPublic(createPublicKey(secret));
  const initiator = options.role === 'initiator';
  let peerPublic: Uint8Array | undefined;

  // Noise 9.2: psk0 mixes the key before the first token, and every `e` is mixed into the key as well.
  const mixEphemeral = (key: Uint8Array): void => {
    state.mixHash(key);
    state.mixKey(key);
  };
  const mixDiffieHellman = (): void => {
    if (peerPublic === undefined) throw new Error('the other side has not sent its key');
    state.mixKey(diffieHellman({ privateKey: secret, publicKey: importPublic(peerPublic) }));
  };
  if (initiator) state.mixKeyAndHash(options.presharedKey);

  return {
    write() {
      mixEphemeral(ownPublic);
      if (!initiator) mixDiffieHellman();
      return Buffer.concat([ownPublic, state.encryptAndHash(new Uint8Array())]);
    },
    read(message) {
      if (message.length !== noiseHandshakeBytes) throw new Error('handshake of another length');
      if (!initiator) state.mixKeyAndHash(options.presharedKey);
      peerPublic = Uint8Array.from(message.subarray(0, noiseKeyBytes));
      mixEphemeral(peerPublic);
      if (initiator) mixDiffieHellman();
      state.decryptAndHash(message.subarray(noiseKeyBytes));
    },
    split() {
      const [first, second] = state.split();
      return initiator ? { send: first, receive: second } : { send: second, receive: first };
    },
  };
}

/** Noise 5.2, the SymmetricState object. */
function createSymmetricState(prologue: Uint8Array) {
  let hash: Uint8Array = sha256(Buffer.from(protocolName));
  let chainingKey = hash;
  let key: Uint8Array = new Uint8Array(noiseKeyBytes);
  let counter = 0n;
  const mixHash = (data: Uint8Array): void => {
    hash = sha256(hash, data);
  };
  const setKey = (fresh: Uint8Array): void => {
    key = fresh;
    counter = 0n;
  };
  mixHash(prologue);
  return {
    mixHash,
    mixKey(material: Uint8Array): void {
      const [first, second] = deriveKeys(chainingKey, material, 2);
      chainingKey = first;
      setKey(second);
    },
    mixKeyAndHash(material: Uint8Array): void {
      const [first, second, third] = deriveKeys(chainingKey, material, 3);
      chainingKey = first;
      mixHash(second);
      setKey(third);
    },
    encryptAndHash(plaintext: Uint8Array): Uint8Array {
      const ciphertext = seal(key, counter, plaintext, hash);
      counter += 1n;
      mixHash(ciphertext);
      return ciphertext;
    },
    decryptAndHash(ciphertext: Uint8Array): Uint8Array {
      const plaintext = unseal(key, counter, ciphertext, hash);
      counter += 1n;
      mixHash(ciphertext);
      return plaintext;
    },
    split(): [NoiseCipher, NoiseCipher] {
      const [first, second] = deriveKeys(chainingKey, new Uint8Array(), 2);
      return [createCipher(first), createCipher(second)];
    },
  };
}

function createCipher(key: Uint8Array): NoiseCipher {
  let sealed = 0n;
  let unsealed = 0n;
  return {
    encrypt: (plaintext) => seal(key, sealed++, plaintext),
    decrypt: (ciphertext) => unseal(key, unsealed++, ciphertext),
  };
}
