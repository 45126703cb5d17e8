import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import reportSchema from '../../schemas/deploy-report.schema.json' with { type: 'json' };
import { fingerprintOf } from '../../tools/core/integrity.ts';
import { DeliveryFailure } from '../../tools/core/release/delivery.ts';
import { defineSchema } from '../../tools/core/schema.ts';
import { deploy } from '../../tools/workflows/deploy.ts';
import { packageBinary } from '../../tools/workflows/packaging/package.ts';
import { verify } from '../../tools/workflows/signing/verify.ts';
import { validate } from '../../tools/workflows/validate.ts';
import { rejection } from '../support/code.ts';
import { sampleDeploy } from '../support/deploy.ts';
import { createFakeTransport, type Send } from '../support/fake-transport.ts';
import { createFolder, sampleImage, sampleManifest } from '../support/temporary-workspace.ts';

const checkReport = defineSchema(reportSchema);

/** A product with one packaged release, and transports that keep what they are given. */
async function createProduct(manifest = sampleManifest(), send?: Send) {
  const folder = await createFolder({ 'ota/manifest.json': manifest, 'app.bin': sampleImage() });
  const manifestPath = join(folder, 'ota/manifest.json');
  const received: Record<string, string> = {};
  const keep =
    (name: string): Send =>
    async (payload, context) => {
      await send?.(payload, context);
      const bytes = await buffer(payload.stream());
      received[name] = fingerprintOf(bytes).sha256;
      return { sentBytes: bytes.length, warnings: [] };
    };
  const available = ['mqtt', 'https'].map((name) => createFakeTransport(name, keep(name)));
  const { plan, artifactPath, releasePath } = await packageBinary({
    manifestPath,
    binaryPath: join(folder, 'app.bin'),
    version: '1.2.3',
    overrides: {},
    updateManifest: true,
    dryRun: false,
    transports: available,
    now: new Date(0),
  });
  return { folder, manifestPath, available, received, plan, artifactPath, releasePath };
}

describe('deploying', () => {
  it('sends the packaged bytes over every transport, and reports each', async () => {
    const { manifestPath, available, received, plan } = await createProduct();
    const report = await deploy(sampleDeploy({ manifestPath, available }));
    expect(received).toEqual({ mqtt: plan.artifact.sha256, https: plan.artifact.sha256 });
    expect(report).toMatchObject({
      ok: true,
      dry_run: false,
      product: 'Gateway',
      version: '1.2.3',
    });
    expect(report.deliveries.map(({ status }) => status)).toEqual(['delivered', 'delivered']);
    expect(checkReport(report)).toEqual([]);
  });

  it('shows in a dry run what it would do, without variables and without sending', async () => {
    const { manifestPath, available, received } = await createProduct();
    const report = await deploy(
      sampleDeploy({ manifestPath, available, dryRun: true, variables: {} }),
    );
    expect(received).toEqual({});
    expect(report).toMatchObject({
      ok: true,
      dry_run: true,
      warnings: ['https.headers.Authorization: ${OTA_TOKEN} has no value'],
    });
    expect(report.deliveries.map(({ status, settings }) => [status, settings])).toEqual([
      ['planned', { timeout: 30, broker: 'mqtts://broker.example.com', topic: 'fleet/{version}' }],
      [
        'planned',
        {
          timeout: 30,
          url: 'https://ota.example.com/firmware',
          headers: { Authorization: 'Bearer ${OTA_TOKEN}' },
        },
      ],
    ]);
    expect(checkReport(report)).toEqual([]);
  });

  it('stops before the first byte when a variable has no value', async () => {
    const { manifestPath, available, received } = await createProduct();
    const error = await rejection(deploy(sampleDeploy({ manifestPath, available, variables: {} })));
    expect(error).toMatchObject({
      code: 'placeholder-missing',
      details: ['https.headers.Authorization: ${OTA_TOKEN}'],
    });
    expect(received).toEqual({});
  });

  it('stops before the first byte at a stand-in that was never replaced', async () => {
    const channels = { mqtt: {}, https: { headers: { Authorization: 'Bearer <token>' } } };
    const { manifestPath, available, received } = await createProduct(
      sampleManifest({ deployment: { channels } }),
    );
    const error = await rejection(deploy(sampleDeploy({ manifestPath, available })));
    expect(error.code).toBe('placeholder-leftover');
    expect(received).toEqual({});
  });

  it.each([true, false])('verifies the bytes first (dry run: %s)', async (dryRun) => {
    const { manifestPath, available, artifactPath, received } = await createProduct();
    await writeFile(artifactPath, sampleImage('1.2.3', 9));
    const run = () => rejection(deploy(sampleDeploy({ manifestPath, available, dryRun })));
    expect((await run()).code).toBe('artifact-hash-mismatch');
    await writeFile(artifactPath, 'short');
    expect((await run()).code).toBe('artifact-size-mismatch');
    await rm(artifactPath);
    expect((await run()).code).toBe('artifact-missing');
    expect(received).toEqual({});
  });

  it('tells what was sent when one transport fails', async () => {
    const { manifestPath, available } = await createProduct();
    const broken = createFakeTransport('mqtt', async () => {
      throw new DeliveryFailure('connection-refused', 'refused', { retryable: true });
    });
    const report = await deploy(
      sampleDeploy({ manifestPath, available: [broken, ...available.slice(1)] }),
    );
    expect(report.ok).toBe(false);
    expect(
      report.deliveries.map(({ transport, status, attempts }) => [transport, status, attempts]),
    ).toEqual([
      ['mqtt', 'failed', 4],
      ['https', 'delivered', 1],
    ]);
    expect(checkReport(report)).toEqual([]);
  });

  it('is not disturbed by other versions that are broken', async () => {
    const { manifestPath, available } = await createProduct();
    const versions = [
      { id: '1.2.3', manifest: 'versions/1.2.3/ota.json' },
      { id: '1.0.0', manifest: 'versions/1.0.0/ota.json' },
    ];
    await writeFile(manifestPath, JSON.stringify(sampleManifest({ versions })));
    expect((await deploy(sampleDeploy({ manifestPath, available }))).ok).toBe(true);
    const error = await rejection(
      deploy(sampleDeploy({ manifestPath, available, version: '1.0.0' })),
    );
    expect(error.code).toBe('release-missing');
  });
});

describe('validating', () => {
  it('finds nothing in a fresh product', async () => {
    const { manifestPath, available } = await createProduct();
    expect(await validate({ manifestPath, transports: available, now: new Date(0) })).toMatchObject(
      {
        versions: 1,
        findings: [],
      },
    );
  });

  it('reports everything that is wrong, file by file', async () => {
    const { manifestPath, available, releasePath } = await createProduct();
    const manifest = sampleManifest({
      deployment: { channels: { mqtt: {}, htps: {} } },
      versions: [
        { id: '1.2.3', manifest: 'versions/1.2.3/ota.json' },
        { id: '9', manifest: 'versions/9/ota.json' },
        { id: '8', manifest: '../../etc/ota.json' },
      ],
    });
    await writeFile(manifestPath, JSON.stringify(manifest));
    const { findings } = await validate({ manifestPath, transports: available, now: new Date(0) });
    expect(findings.map(({ file, version, code }) => [file, version, code])).toEqual([
      [manifestPath, undefined, 'transport-unknown'],
      [releasePath, '1.2.3', 'channel-missing'],
      [manifestPath, '9', 'release-missing'],
      [manifestPath, '8', 'path-escapes'],
    ]);
  });
});

describe('verifying', () => {
  it('names every file that is wrong and every file that nobody mentions', async () => {
    const { folder, manifestPath, artifactPath } = await createProduct();
    await writeFile(artifactPath, 'wrong');
    await writeFile(join(folder, 'ota/versions/1.2.3/notes.txt'), 'x');
    await writeFile(join(folder, 'ota/versions/stray'), 'x');
    const { verified, findings } = await verify({ manifestPath, now: new Date(0) });
    expect(verified).toEqual([]);
    expect(
      findings.map(({ level, code, file }) => [level, code, file.slice(folder.length + 1)]),
    ).toEqual([
      ['error', 'artifact-size-mismatch', 'ota/versions/1.2.3/Gateway-1.2.3.bin'],
      ['warning', 'orphan', 'ota/versions/1.2.3/notes.txt'],
      ['warning', 'orphan', 'ota/versions/stray'],
    ]);
  });

  it('reads the image: a bit that was wrong before it was packaged is found', async () => {
    const { folder, manifestPath, available } = await createProduct();
    const damaged = Buffer.from(sampleImage('1.2.3', 4));
    damaged[1000] = (damaged[1000] ?? 0) ^ 1;
    await writeFile(join(folder, 'damaged.bin'), damaged);
    await packageBinary({
      manifestPath,
      binaryPath: join(folder, 'damaged.bin'),
      version: '3.0.0',
      overrides: {},
      updateManifest: true,
      dryRun: false,
      transports: available,
      allow: ['checksum', 'hash'],
      now: new Date(0),
    });
    const { findings } = await verify({ manifestPath, version: '3.0.0', now: new Date() });
    expect(findings.map(({ code }) => code)).toEqual(['image-invalid']);
    expect(findings[0]?.details?.length).toBe(2);
  });

  it('compares the image with what its release says of it', async () => {
    const { manifestPath, releasePath } = await createProduct();
    const release = JSON.parse(await readFile(releasePath, 'utf8'));
    release.image.app_version = '9.9.9';
    await writeFile(releasePath, JSON.stringify(release));
    const { findings } = await verify({ manifestPath, now: new Date() });
    expect(findings.map(({ code, details }) => [code, details])).toEqual([
      ['image-invalid', ['the image is not the one that `image` in ota.json describes']],
    ]);
  });

  it('accepts a release outside the tree when its folder is given', async () => {
    const { folder, manifestPath, available } = await createProduct();
    const outputFolder = join(folder, 'elsewhere');
    await packageBinary({
      manifestPath,
      binaryPath: join(folder, 'app.bin'),
      version: '2.0.0',
      overrides: {},
      updateManifest: true,
      dryRun: false,
      transports: available,
      outputFolder,
      now: new Date(0),
    });
    expect((await verify({ manifestPath, outputFolder, now: new Date(0) })).findings).toEqual([]);
    expect(
      (await verify({ manifestPath, now: new Date(0) })).findings.map(({ code }) => code),
    ).toEqual(['path-escapes']);
  });
});
