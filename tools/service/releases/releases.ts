import type { Readable } from 'node:stream';
import { OtaError } from '../../core/errors.ts';
import { requireFloor } from '../../core/release/names.ts';
import { compareVersions } from '../../core/version.ts';
import type { Actor } from '../access/access.ts';
import type { Audit } from '../access/audit.ts';
import type { ArtifactStore, ReceivedArtifact } from '../artifacts/artifact-store.ts';
import type { Store } from '../store/store.ts';
import type { ReleaseChange, ReleaseRow } from '../store/tables.ts';
import type { Catalog, Snapshot } from './catalog.ts';
import { type ImageFacts, inspectUpload, parseImageVersion } from './inspect-upload.ts';
import { requireName } from './names.ts';
import { requireSigned } from './signatures.ts';

/** A file that was taken in and looked at. It is gone unless it is kept: as a release, or for its registration. */
export interface TakenFile extends ImageFacts, ReceivedArtifact {}

/** What a publisher says of a release. */
export interface NewReleaseFacts {
  readonly model: string;
  readonly version: string;
  readonly build: number;
  readonly filename: string;
  readonly binaryPath?: string;
  readonly minVersion?: string | undefined;
  readonly description?: string | undefined;
  readonly releaseNotes?: string | undefined;
  readonly changelog?: string | undefined;
  readonly stable?: boolean;
  readonly signed?: boolean;
  /** Base64. */
  readonly signature?: string | undefined;
}

/** Where releases come from, whichever door they enter by. */
export interface Releases {
  /**
   * Whoever calls this discards the file in the end, whatever became of it.
   *
   * @throws OtaError `upload-rejected`, `upload-too-large`
   */
  take(source: Readable): Promise<TakenFile>;
  /**
   * @returns `created: false` when exactly this release is there already
   * @throws OtaError `release-exists`, `upload-mismatch`, `name-invalid`, `version-invalid`, `signature-missing`,
   *   `signature-invalid`
   */
  register(
    facts: NewReleaseFacts,
    file: TakenFile,
    actor: Actor,
  ): Promise<{ release: ReleaseRow; created: boolean }>;
  /**
   * The same for the seeds, whose doors never take a version twice.
   *
   * @throws OtaError `release-exists` also when exactly this release is there already
   */
  registerNew(facts: NewReleaseFacts, file: TakenFile, actor: Actor): Promise<ReleaseRow>;
  /** @throws OtaError `release-unknown`, `version-invalid` */
  change(id: number, change: ReleaseChange, actor: Actor): Promise<ReleaseRow>;
  /** @throws OtaError `release-unknown` */
  get(id: number): ReleaseRow;
}

export interface ReleasesOptions {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly artifacts: ArtifactStore;
  readonly audit: Audit;
  readonly maxUploadBytes: number;
  now(): number;
}

export function createReleases(options: ReleasesOptions): Releases {
  const { store, catalog, artifacts, audit, now } = options;
  const register: Releases['register'] = async (given, file, actor) => {
    requireNames(given);
    const facts = { ...given, signature: parseSignature(given.signature) };
    requireSameVersion(facts, file);
    // Another node may have set the model's keys a moment ago.
    const before = await catalog.reload();
    const verified = await requireSigned(before.model(facts.model), facts.signature, file);
    requireFree(facts, file, before);
    await file.keep();
    const row = toRow(facts, file, actor, verified, now());
    const release = await store.catalog.addRelease(row, ({ id }) =>
      audit.entry('firmware_uploaded', actor, {
        model: row.model,
        version: row.version,
        data: { release_id: id, sha256: row.sha256, size: row.size, build: row.build },
      }),
    );
    const after = await catalog.reload();
    if (release === undefined) {
      const known = requireFree(facts, file, after);
      if (known === undefined) throw exists(facts);
      return { release: known, created: false };
    }
    return { release, created: true };
  };
  function get(id: number): ReleaseRow {
    const row = catalog.current().releaseRow(id);
    if (row === undefined) throw unknownRelease(id);
    return row;
  }
  return {
    async take(source) {
      const received = await artifacts.receive(source, options.maxUploadBytes);
      try {
        return { ...received, ...inspectUpload(await received.bytes()) };
      } catch (error) {
        await received.discard();
        throw error;
      }
    },
    register,
    async registerNew(facts, file, actor) {
      const { release, created } = await register(facts, file, actor);
      if (!created) throw exists(facts, 'It has exactly this content: nothing to do.');
      return release;
    },
    async change(id, change, actor) {
      requireFloor(change.min_version, get(id).version);
      const row = await store.catalog.changeRelease(
        id,
        { ...change, updated_at: now() },
        ({ model, version }) =>
          audit.entry('firmware_updated', actor, { model, version, data: change }),
      );
      if (row === undefined) throw unknownRelease(id);
      await catalog.reload();
      return row;
    },
    get,
  };
}

function toRow(
  facts: NewReleaseFacts,
  file: TakenFile,
  actor: Actor,
  verified: boolean,
  nowMs: number,
) {
  const build = facts.build === 0 ? '' : `_b${facts.build}`;
  return {
    model: facts.model,
    version: facts.version,
    build: facts.build,
    filename: facts.filename,
    binary_path: facts.binaryPath ?? `${facts.model}/v${facts.version}${build}.bin`,
    size: file.sizeBytes,
    sha256: file.sha256,
    md5: file.md5,
    elf_sha256: file.elfSha256 ?? null,
    chip: file.chip ?? null,
    min_version: facts.minVersion ?? null,
    description: facts.description ?? null,
    release_notes: facts.releaseNotes ?? null,
    changelog: facts.changelog ?? null,
    stable: facts.stable === true ? 1 : 0,
    active: 1,
    signed: facts.signed === true || verified ? 1 : 0,
    signature: facts.signature ?? null,
    created_at: nowMs,
    updated_at: nowMs,
    released_at: facts.stable === true ? nowMs : null,
    created_by: actor.name,
  };
}

/** Names from outside never become paths here, but they do on other machines. */
function requireNames(facts: NewReleaseFacts): void {
  requireName('device model', facts.model);
  requireName('version', facts.version);
  requireName('file name', facts.filename);
  requireFloor(facts.minVersion, facts.version);
}

/**
 * Base64 as programs print it, with line ends. Devices get it in a header, where nothing else may stand.
 *
 * @throws OtaError `request-invalid`
 */
function parseSignature(text: string | undefined): string | undefined {
  const bare = text?.replace(/\s+/g, '');
  if (bare === undefined || bare === '') return;
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(bare)) return bare;
  throw new OtaError('request-invalid', 'the signature is not base64', {
    hint: 'Make it with: openssl dgst -sha256 -sign key.pem app.bin | base64 -w0',
  });
}

/** The version in the image and the declared one must agree, when the image has one that can be compared. */
function requireSameVersion(facts: NewReleaseFacts, file: TakenFile): void {
  if (file.version === undefined) return;
  const inside = parseImageVersion(file.version);
  if (!/^\d+\.\d+\.\d+/.test(inside.version)) return;
  const sameBuild = inside.build === undefined || facts.build === 0 || inside.build === facts.build;
  if (compareVersions(inside.version, facts.version) === 0 && sameBuild) return;
  const declared = facts.build === 0 ? facts.version : `${facts.version} build ${facts.build}`;
  throw new OtaError(
    'upload-mismatch',
    `the image says version ${file.version}, declared is ${declared}`,
    { hint: 'Upload the right file, or set the version in the build (PROJECT_VER).' },
  );
}

/** The release that is there already with exactly this content; other content under its version is refused. */
function requireFree(
  facts: NewReleaseFacts,
  file: TakenFile,
  { releases }: Snapshot,
): ReleaseRow | undefined {
  const known = releases.find(
    ({ model, version, build }) =>
      model === facts.model && version === facts.version && build === facts.build,
  );
  if (known !== undefined && known.sha256 !== file.sha256) throw exists(facts);
  return known;
}

function exists(
  { model, version, build }: NewReleaseFacts,
  hint = 'A published version never changes: give the new image a new version.',
): OtaError {
  const which = `${version}${build === 0 ? '' : ` build ${build}`}`;
  return new OtaError('release-exists', `version ${which} of model ${model} exists`, { hint });
}

function unknownRelease(id: number): OtaError {
  return new OtaError('release-unknown', `there is no release number ${id}`, {
    hint: 'List them: ota admin list.',
  });
}
