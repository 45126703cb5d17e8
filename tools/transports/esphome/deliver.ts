import type { UploadBody } from '../lan/upload-cache.ts';
import { explainUnexpected, partitionAccessMissing } from './failures.ts';
import type { Negotiation } from './negotiate.ts';
import { OTA_VERSION_1_0, otaType, response, UPLOAD_BLOCK_SIZE } from './protocol.ts';
import type { SessionSteps } from './steps.ts';
import { readAnswer, send, type Talk, takeAnswer } from './talk.ts';

export interface DeliverOptions {
  /** One of `otaType`. */
  readonly otaType: number;
  /** Blocks that may be under way without an acknowledgement; 1 is lock step. */
  readonly windowBlocks: number;
}

/** Size, checksum, image, verdict: steps 7 to 15 of the protocol. Returns the number of bytes sent. */
export function* deliver(
  talk: Talk,
  agreed: Negotiation,
  options: DeliverOptions,
): SessionSteps<number> {
  if (options.otaType !== otaType.UPDATE_APP && !agreed.partitionAccess) {
    throw partitionAccessMissing();
  }
  const body = yield { kind: 'load', gzip: agreed.gzip, checksum: agreed.checksum };
  if (body === undefined) throw new TypeError('a load step is answered with the body');

  talk.phase = 'preparing';
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.bytes.length);
  yield send(talk, ...(agreed.extended ? [Uint8Array.of(options.otaType)] : []), size);
  yield* readAnswer(talk, response.UPDATE_PREPARE_OK);

  talk.phase = 'checksum';
  yield send(talk, Buffer.from(body.checksum, 'ascii'));
  yield* readAnswer(
    talk,
    agreed.checksum === 'sha256' ? response.BIN_SHA256_OK : response.BIN_MD5_OK,
  );

  talk.phase = 'upload';
  yield* agreed.version === OTA_VERSION_1_0
    ? streamUnacknowledged(talk, body)
    : streamAcknowledged(talk, body, options.windowBlocks);

  yield* readAnswer(talk, response.RECEIVE_OK);
  yield* readAnswer(talk, response.UPDATE_END_OK);
  talk.phase = 'committed';
  yield send(talk, Uint8Array.of(response.OK));
  return body.bytes.length;
}

/**
 * Version 2: blocks go out as long as the window has room, acknowledgements are counted as they come.
 *
 * The last block waits until all before it are acknowledged. Until then the device lacks a part and cannot
 * commit, so a broken connection may be tried again; without this, everything that fits the socket's
 * buffers would count as "may have been installed". It costs one round trip.
 */
function* streamAcknowledged(
  talk: Talk,
  { bytes }: UploadBody,
  windowBlocks: number,
): SessionSteps<void> {
  const blocks = Math.ceil(bytes.length / UPLOAD_BLOCK_SIZE);
  let acknowledged = 0;
  for (let block = 0; block < blocks; block += 1) {
    const last = block === blocks - 1;
    const awaited = last ? block : block - windowBlocks + 1;
    while (acknowledged < awaited) {
      acknowledged = yield* countAcknowledgement(talk, acknowledged, block, bytes.length);
    }
    // An error answer may stand behind acknowledgements that nobody had to wait for.
    while (takeAcknowledgement(talk, acknowledged, block)) acknowledged += 1;
    if (last) talk.phase = 'finishing';
    yield send(talk, blockAt(bytes, block));
  }
  yield* readAnswer(talk, response.CHUNK_OK);
  talk.deliveredBytes = bytes.length;
  yield progressOf(talk, bytes.length);
}

function* countAcknowledgement(
  talk: Talk,
  acknowledged: number,
  sent: number,
  totalBytes: number,
): SessionSteps<number> {
  let count = acknowledged;
  while (!takeAcknowledgement(talk, count, sent)) yield { kind: 'wait' };
  count += 1;
  while (takeAcknowledgement(talk, count, sent)) count += 1;
  talk.deliveredBytes = count * UPLOAD_BLOCK_SIZE;
  yield progressOf(talk, totalBytes);
  return count;
}

function takeAcknowledgement(talk: Talk, acknowledged: number, sent: number): boolean {
  if (takeAnswer(talk, response.CHUNK_OK) === undefined) return false;
  if (acknowledged >= sent) {
    throw explainUnexpected('an acknowledgement of bytes it has not received', talk.phase);
  }
  return true;
}

/** Version 1: nothing is acknowledged, so only the socket sets the pace. */
function* streamUnacknowledged(talk: Talk, { bytes }: UploadBody): SessionSteps<void> {
  for (let offset = 0; offset < bytes.length; offset += UPLOAD_BLOCK_SIZE) {
    if (offset + UPLOAD_BLOCK_SIZE >= bytes.length) talk.phase = 'finishing';
    yield send(talk, bytes.subarray(offset, offset + UPLOAD_BLOCK_SIZE));
    yield { kind: 'drain' };
    talk.deliveredBytes = Math.min(offset + UPLOAD_BLOCK_SIZE, bytes.length);
    yield progressOf(talk, bytes.length);
    if (talk.phase === 'upload') takeAnswer(talk);
  }
}

function blockAt(bytes: Uint8Array, block: number): Uint8Array {
  return bytes.subarray(block * UPLOAD_BLOCK_SIZE, (block + 1) * UPLOAD_BLOCK_SIZE);
}

function progressOf(talk: Talk, totalBytes: number) {
  return { kind: 'progress', deliveredBytes: talk.deliveredBytes, totalBytes } as const;
}
