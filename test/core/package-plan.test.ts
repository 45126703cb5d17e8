import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../tools/core/release/manifest.ts';
import {
  type PackageFacts,
  type PackageRequest,
  planPackage,
} from '../../tools/core/release/package-plan.ts';
import { sampleManifest } from '../support/temporary-workspace.ts';

const request: PackageRequest = { version: '1.2.3', overrides: {}, updateManifest: true };

const facts: PackageFacts = {
  manifest: parseManifest(sampleManifest(), 'm'),
  existingIntact: false,
  binary: { sizeBytes: 10, sha256: 'aa'.repeat(32) },
  entryPath: 'versions/1.2.3/ota.json',
  now: new Date('2026-02-03T04:05:06.789Z'),
};

/** The facts after the plan was carried out. */
function afterwards(first = planPackage(request, facts)): PackageFacts {
  return {
    ...facts,
    manifest: first.manifest ?? facts.manifest,
    existing: first.release,
    existingIntact: true,
    now: new Date('2027-01-01T00:00:00Z'),
  };
}

describe('planning a release', () => {
  it('makes the file name from project and version, white space as underscores', () => {
    const plan = planPackage({ ...request, project: 'TinyBMS Web  Gateway' }, facts);
    expect(plan.artifact.filename).toBe('TinyBMS_Web_Gateway-1.2.3.bin');
    expect(plan.artifact.name).toBe('TinyBMS Web  Gateway');
  });

  it('writes version, time, and the artifact with its protocols, and no root settings', () => {
    expect(planPackage(request, facts).release).toEqual({
      version: '1.2.3',
      created_at: '2026-02-03T04:05:06Z',
      artifacts: [
        {
          name: 'Gateway',
          filename: 'Gateway-1.2.3.bin',
          size: 10,
          sha256: 'aa'.repeat(32),
          protocols: ['mqtt', 'https'],
        },
      ],
    });
  });

  it('writes only overrides that differ from the root', () => {
    const overrides = { mqtt: { topic: 'canary', broker: 'mqtts://broker.example.com' } };
    expect(planPackage({ ...request, overrides }, facts).release.channels).toEqual({
      mqtt: { topic: 'canary' },
    });
  });

  it('lists the release in the root manifest only when asked to', () => {
    expect(planPackage(request, facts).manifest?.versions).toEqual([
      { id: '1.2.3', manifest: 'versions/1.2.3/ota.json' },
    ]);
    expect(planPackage({ ...request, updateManifest: false }, facts).manifest).toBeUndefined();
  });

  it('changes nothing for the same bytes and options, time stamps included', () => {
    const plan = planPackage(request, afterwards());
    expect(plan).toMatchObject({ outcome: 'unchanged', writeArtifact: false, writeRelease: false });
    expect(plan.manifest).toBeUndefined();
    expect(plan.release.created_at).toBe('2026-02-03T04:05:06Z');
  });

  it('replaces other bytes under the same version, with a new time', () => {
    const binary = { sizeBytes: 10, sha256: 'bb'.repeat(32) };
    const plan = planPackage(request, { ...afterwards(), binary });
    expect(plan).toMatchObject({ outcome: 'replaced', writeArtifact: true, writeRelease: true });
    expect(plan.release.created_at).toBe('2027-01-01T00:00:00Z');
  });

  it('puts a damaged file back without touching its manifest', () => {
    const plan = planPackage(request, { ...afterwards(), existingIntact: false });
    expect(plan).toMatchObject({ outcome: 'replaced', writeArtifact: true, writeRelease: false });
  });

  it('removes the file of another name that it replaces', () => {
    const plan = planPackage({ ...request, artifactName: 'app.bin' }, afterwards());
    expect(plan.obsolete).toEqual(['Gateway-1.2.3.bin']);
  });

  it('keeps what people wrote into a release by hand', () => {
    const before = afterwards();
    const existing = {
      ...before.existing,
      'x-ticket': 7,
      channels: { mqtt: { qos: 0 } },
      artifacts: before.existing?.artifacts ?? [],
      version: '1.2.3',
    };
    const overrides = { mqtt: { topic: 'canary' } };
    const plan = planPackage({ ...request, overrides }, { ...before, existing });
    expect(plan.release).toMatchObject({
      'x-ticket': 7,
      channels: { mqtt: { qos: 0, topic: 'canary' } },
    });
    expect(planPackage(request, { ...before, existing }).outcome).toBe('unchanged');
  });

  it('updates the entry of the version in place and keeps its label', () => {
    const versions = [
      { id: '1.2.3', label: 'old', manifest: 'elsewhere/ota.json' },
      { id: '2.0.0', manifest: 'versions/2.0.0/ota.json' },
    ];
    const manifest = parseManifest(sampleManifest({ versions }), 'm');
    expect(planPackage(request, { ...facts, manifest }).manifest?.versions).toEqual([
      { id: '1.2.3', label: 'old', manifest: 'versions/1.2.3/ota.json' },
      versions[1],
    ]);
    expect(
      planPackage({ ...request, label: 'new' }, { ...facts, manifest }).manifest?.versions[0],
    ).toEqual({
      id: '1.2.3',
      label: 'new',
      manifest: 'versions/1.2.3/ota.json',
    });
  });

  it('writes what the image and the sources are, while the bytes are theirs', () => {
    const image = { chip: 'esp32c3', app_version: '1.2.3' };
    const source = { commit: 'a'.repeat(40), dirty: false };
    const first = planPackage(request, { ...facts, image, source });
    expect(first.release).toMatchObject({ image, source });
    const later = afterwards(first);
    // A commit that changes no byte of the image changes no byte of the release.
    const next = { commit: 'b'.repeat(40), dirty: true };
    expect(planPackage(request, { ...later, image, source: next }).outcome).toBe('unchanged');
    expect(planPackage(request, later).outcome).toBe('unchanged');
    const binary = { sizeBytes: 11, sha256: 'bb'.repeat(32) };
    expect(planPackage(request, { ...later, binary, source: next }).release.source).toEqual(next);
    const bare = planPackage(request, { ...later, binary }).release;
    expect(Object.keys(bare)).toEqual(['version', 'created_at', 'artifacts']);
  });

  it('keeps role, offset and overrides of an artifact that keeps its name', () => {
    const before = afterwards();
    const [artifact] = before.existing?.artifacts ?? [];
    if (artifact === undefined) throw new Error('the plan has no artifact');
    const rich = {
      ...artifact,
      role: 'app',
      offset: 65536,
      channels: { mqtt: { qos: 0 } },
    } as const;
    const existing = { version: '1.2.3', artifacts: [rich] };
    expect(planPackage(request, { ...before, existing }).outcome).toBe('unchanged');
    const binary = { sizeBytes: 11, sha256: 'bb'.repeat(32) };
    expect(planPackage(request, { ...before, existing, binary }).artifact).toEqual({
      ...rich,
      size: 11,
      sha256: 'bb'.repeat(32),
    });
  });
});
