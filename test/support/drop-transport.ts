import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { cancelledError } from '../../tools/core/errors.ts';
import { DeliveryFailure } from '../../tools/core/release/delivery.ts';
import { defineTransport } from '../../tools/transports/define.ts';
import schema from './channel-drop.schema.json' with { type: 'json' };

/** The `drop` block of a manifest, as its schema has it. */
interface DropChannel {
  readonly folder: string;
}

/** Copies an artifact into a folder, such as a share from which devices fetch. */
export const drop = defineTransport<DropChannel>({
  name: 'drop',
  summary: 'copies the firmware into a folder',
  schema,
  example: { folder: '/srv/firmware' },
  // Decides everything, touches nothing: this is all that a dry run does.
  prepare({ folder }, { artifact }) {
    return [
      {
        destination: join(folder, artifact.filename),
        settings: { folder },
        // One attempt. Retries, order and reports are not the transport's business.
        async send(payload, { signal, cwd, onProgress }) {
          const file = resolve(cwd, folder, artifact.filename);
          try {
            await pipeline(payload.stream(), createWriteStream(`${file}.part`), { signal });
            await rename(`${file}.part`, file);
          } catch (cause) {
            if (signal.aborted) throw cancelledError();
            throw new DeliveryFailure('write-failed', `${file} cannot be written`, {
              hint: 'Check that the folder exists and has room.',
              retryable: false,
              cause,
            });
          }
          onProgress(artifact.sizeBytes);
          return { sentBytes: artifact.sizeBytes, warnings: [] };
        },
      },
    ];
  },
});
