import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Payload } from '../../core/release/delivery.ts';
import type { ChipFamily } from './device.ts';
import { familyOf, isGzip } from './ports.ts';

/** What will be sent, and its checksum in lowercase hex. */
export interface UploadBody {
  readonly bytes: Uint8Array;
  readonly checksum: string;
}

/** The bytes of one artifact in the forms that devices ask for, made once for all devices of a run. */
export interface UploadCache {
  image(payload: Payload): Promise<Uint8Array>;
  family(payload: Payload): Promise<ChipFamily>;
  body(
    payload: Payload,
    form: { readonly gzip: boolean; readonly checksum: 'md5' | 'sha256' },
  ): Promise<UploadBody>;
}

const compress = promisify(gzip);

/** A file that is compressed already goes as it is. */
async function zip(image: Uint8Array): Promise<Uint8Array> {
  return isGzip(image) ? image : compress(image, { level: 9 });
}

export function createUploadCache(): UploadCache {
  const kept = new Map<string, Promise<unknown>>();
  /** What fails is forgotten, so that the next attempt tries again. */
  const once = <Value>(key: string, make: () => Promise<Value>): Promise<Value> => {
    const found = kept.get(key) as Promise<Value> | undefined;
    if (found !== undefined) return found;
    const made = make();
    kept.set(key, made);
    made.catch(() => kept.delete(key));
    return made;
  };
  const image = (payload: Payload): Promise<Uint8Array> =>
    once(payload.facts.sha256, () => payload.bytes());
  const bytesOf = (payload: Payload, zipped: boolean): Promise<Uint8Array> =>
    zipped
      ? once(`${payload.facts.sha256} gzip`, async () => zip(await image(payload)))
      : image(payload);
  return {
    image,
    family: (payload) =>
      once(`${payload.facts.sha256} family`, async () => familyOf(await image(payload))),
    async body(payload, form) {
      const bytes = await bytesOf(payload, form.gzip);
      const checksum = await once(
        `${payload.facts.sha256} ${form.gzip ? 'gzip ' : ''}${form.checksum}`,
        async () => createHash(form.checksum).update(bytes).digest('hex'),
      );
      return { bytes, checksum };
    },
  };
}
