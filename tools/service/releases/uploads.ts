import { OtaError } from '../../core/errors.ts';
import type { Actor } from '../access/access.ts';
import type { Audit } from '../access/audit.ts';
import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import type { Store } from '../store/store.ts';
import type { Catalog } from './catalog.ts';
import { parseImageVersion } from './inspect-upload.ts';
import type { TakenFile } from './releases.ts';
import { requireSigned } from './signatures.ts';

/** Under which names a file was uploaded. */
export interface UploadNames {
  readonly path: string;
  readonly model: string;
  readonly version: string;
  readonly filename: string;
}

/** What a registration says of the file that was uploaded before. */
export interface DeclaredUpload {
  readonly path: string;
  readonly model: string;
  readonly version: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Files that wait to be registered as releases (seed 004's first step). */
export interface Uploads {
  /**
   * @param signature base64, for a model that demands one; the registration brings it again
   * @throws OtaError `signature-missing`, `signature-invalid`
   */
  keep(
    names: UploadNames,
    file: TakenFile,
    signature: string | undefined,
    actor: Actor,
  ): Promise<void>;
  /** @throws OtaError `upload-unknown`; `upload-mismatch` when it is not what is declared */
  find(declared: DeclaredUpload): Promise<TakenFile>;
}

export function createUploads(
  store: Store,
  catalog: Catalog,
  artifacts: ArtifactStore,
  audit: Audit,
  now: () => number,
): Uploads {
  return {
    async keep(names, file, signature, actor) {
      await requireSigned((await catalog.reload()).model(names.model), signature, file);
      await file.keep();
      const { model, version, path, filename } = names;
      const data = { path, filename, sha256: file.sha256, size: file.sizeBytes };
      const row = {
        ...names,
        size: file.sizeBytes,
        sha256: file.sha256,
        md5: file.md5,
        elf_sha256: file.elfSha256 ?? null,
        chip: file.chip ?? null,
        image_version: file.version ?? null,
        image_build:
          (file.version === undefined ? undefined : parseImageVersion(file.version).build) ?? null,
        created_at: now(),
      };
      await store.catalog.putUpload(
        row,
        audit.entry('file_uploaded', actor, { model, version, data }),
      );
    },
    async find({ path, model, version, sizeBytes, sha256 }) {
      const row = await store.catalog.findUpload(path);
      if (row === undefined || row.model !== model)
        throw new OtaError('upload-unknown', `nothing was uploaded as ${JSON.stringify(path)}`, {
          hint: 'Upload the file first; the answer has its binary_path.',
        });
      if (row.version !== version) throw mismatch('version', row.version, version);
      if (row.size !== sizeBytes) throw mismatch('file_size', row.size, sizeBytes);
      if (row.sha256 !== sha256.toLowerCase()) throw mismatch('file_hash', row.sha256, sha256);
      return {
        sizeBytes: row.size,
        sha256: row.sha256,
        md5: row.md5,
        elfSha256: row.elf_sha256 ?? undefined,
        chip: row.chip ?? undefined,
        version: row.image_version ?? undefined,
        project: undefined,
        warnings: [],
        bytes: () => artifacts.bytes(row.sha256),
        // It was kept when it was uploaded.
        keep: async () => {},
        discard: async () => {},
      };
    },
  };
}

function mismatch(what: string, uploaded: unknown, declared: unknown): OtaError {
  const message = `${what}: uploaded is ${uploaded}, declared is ${declared}`;
  return new OtaError('upload-mismatch', message, { hint: 'Register what the upload answered.' });
}
