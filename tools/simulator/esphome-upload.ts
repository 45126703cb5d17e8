import { createHash, timingSafeEqual } from 'node:crypto';
import type { DeviceTalk } from './device-talk.ts';
import type { EsphomeFirmware } from './firmware.ts';
import type { VirtualFlash } from './virtual-flash.ts';

/** What a device was set up with. */
export interface EsphomeSetup {
  readonly firmware: EsphomeFirmware;
  readonly flash: VirtualFlash;
  /** `undefined`: the configuration names none. */
  readonly password?: string;
  /** 32 bytes, with `api: encryption:`; `required` with `ota: encryption:`. */
  readonly encryption?: { readonly key: Uint8Array; readonly required: boolean };
  /** An ESP8266: asks for gzip, and has its own answer for a full flash. */
  readonly esp8266?: boolean;
  /** Allows bootloader and partition table over the air. */
  readonly partitionAccess?: boolean;
  /** Takes anything for an image; real devices look for 0xE9. */
  readonly takesAnything?: boolean;
  readonly random: (sizeBytes: number) => Uint8Array;
  /** The challenge; default the hash of some random bytes. */
  readonly nonce?: string;
}

const blockBytes = 8192;

/** Serves one upload as the firmware does. Ends with the image committed; throws `SessionStop` otherwise. */
export async function serveUpload(talk: DeviceTalk, setup: EsphomeSetup): Promise<void> {
  const { firmware } = setup;
  talk.limit = firmware.handshakeLimit;
  const magic = Buffer.from(await talk.readField(5)).toString('hex');
  if (magic !== '6c26f75c45') talk.fail(0x80);
  await talk.answer('greeting', 0x00, firmware.protocolVersion);
  const client = await readFeatures(talk);
  const extended = firmware.extended && client.extended;
  const sha256 = firmware.sha256Checksum && client.sha256Checksum && extended;
  const gzip = setup.esp8266 === true && client.compression;
  const encryption = firmware.noise ? setup.encryption : undefined;
  if (encryption?.required === true && !client.noise) talk.fail(0x94);

  const flags =
    (gzip ? 0x01 : 0) |
    (setup.partitionAccess === true ? 0x02 : 0) |
    (encryption === undefined ? 0 : 0x04) |
    (sha256 ? 0x10 : 0);
  if (extended) await talk.answer('features', 0x48, flags);
  else await talk.answer('features', gzip ? 0x46 : 0x40);
  if (encryption !== undefined && client.noise && extended) {
    const prologue = Buffer.concat([
      Buffer.from('NoiseOTAInit'),
      Buffer.from([0x6c, 0x26, 0xf7, 0x5c, 0x45, 0x00, firmware.protocolVersion]),
      Buffer.from([client.byte, 0x48, flags]),
    ]);
    await talk.shakeHands(encryption.key, prologue, setup.random);
  } else await challenge(talk, setup, client.sha256Auth);
  await talk.answer('verdict', 0x41);

  talk.limit = { ms: firmware.dataLimitMs, per: 'message' };
  await receiveImage(talk, setup, { extended, sha256, gzip });
}

async function readFeatures(talk: DeviceTalk) {
  const [byte = 0] = await talk.readField(1);
  const has = (bit: number): boolean => (byte & bit) !== 0;
  return {
    byte,
    compression: has(0x01),
    sha256Auth: has(0x02),
    extended: has(0x04),
    noise: has(0x08),
    sha256Checksum: has(0x10),
  };
}

async function challenge(
  talk: DeviceTalk,
  setup: EsphomeSetup,
  sha256Auth: boolean,
): Promise<void> {
  const { firmware, password, random } = setup;
  if (password === undefined || (password === '' && !firmware.asksForEmptyPassword)) return;
  if (firmware.challenge === 'sha256' && !sha256Auth) talk.fail(0x82);
  const hash = firmware.challenge !== 'md5' && sha256Auth ? 'sha256' : 'md5';
  const nonce = setup.nonce ?? createHash(hash).update(random(8)).digest('hex');
  await talk.answer('challenge', hash === 'sha256' ? 0x02 : 0x01, ...Buffer.from(nonce));
  const clientNonce = await talk.readField(nonce.length);
  const response = await talk.readField(nonce.length);
  const expected = createHash(hash)
    .update(password)
    .update(nonce)
    .update(clientNonce)
    .digest('hex');
  if (!timingSafeEqual(Buffer.from(expected), response)) talk.fail(0x82);
}

async function receiveImage(
  talk: DeviceTalk,
  setup: EsphomeSetup,
  form: { readonly extended: boolean; readonly sha256: boolean; readonly gzip: boolean },
): Promise<void> {
  const { firmware, flash } = setup;
  const [type = 0] = form.extended ? await talk.readField(1) : [];
  const size = Buffer.from(await talk.readField(4)).readUInt32BE();
  if (type > 2 || (type !== 0 && setup.partitionAccess !== true)) talk.fail(0x8e);
  if (size > flash.slotBytes) talk.fail(setup.esp8266 === true ? 0x88 : 0x89);
  const writer = flash.begin();
  await talk.answer('prepared', 0x42);
  const checksum = Buffer.from(await talk.readField(form.sha256 ? 64 : 32)).toString('latin1');
  await talk.answer('checksum', form.sha256 ? 0x49 : 0x43);

  const isImage = (): boolean =>
    form.gzip || setup.takesAnything === true || type !== 0 || writer.firstByte === 0xe9;
  while (writer.writtenBytes < size) {
    const before = writer.writtenBytes;
    const waited = before === 0 || talk.connection.inbox.size < firmware.bufferBytes;
    const data = await talk.readData(Math.min(firmware.bufferBytes, size - before));
    await talk.atByte(before + data.length);
    await writer.write(data, waited);
    if (firmware.checksFirstByteAtOnce && !isImage()) talk.fail(0x80);
    const after = writer.writtenBytes;
    const passed = Math.floor(after / blockBytes) - Math.floor(before / blockBytes);
    const rest = after === size && after % blockBytes !== 0 ? 1 : 0;
    if (firmware.protocolVersion === 1) continue;
    for (let count = 0; count < passed + rest; count += 1) await talk.answer('acknowledge', 0x47);
  }
  await talk.answer('received', 0x44);
  if (writer.digest(form.sha256 ? 'sha256' : 'md5') !== checksum.toLowerCase()) {
    talk.fail(form.sha256 ? 0x95 : 0x8b);
  }
  if (!isImage()) talk.fail(0x84);
  // What happens to the last answer does not undo the update.
  if (!talk.refuses('committed')) writer.commit();
  await talk.answer('committed', 0x45);
}
