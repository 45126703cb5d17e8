import { describe, expect, it } from 'vitest';
import { OtaError } from '../../tools/core/errors.ts';
import { planExport } from '../../tools/core/export/export-plan.ts';
import type { ExportFacts } from '../../tools/core/export/format.ts';
import { exportFormats } from '../../tools/core/export/index.ts';
import { chips } from '../../tools/core/image/chips.ts';
import { parseVersionFile } from '../../tools/core/publishing/version-file.ts';
import type { Artifact } from '../../tools/core/release/release.ts';

const app: Artifact = { name: 'Gateway', filename: 'app.bin', size: 1000, sha256: 'AB'.repeat(32) };
const parts: Artifact[] = [
  { ...app, role: 'app', offset: 0x10000 },
  { ...app, filename: 'otadata.bin', role: 'otadata', offset: 0xd000 },
  { ...app, filename: 'bootloader.bin', role: 'bootloader', offset: 0 },
  { ...app, filename: 'table.bin', role: 'partition-table', offset: 0x8000 },
];

interface Changes extends Partial<Omit<ExportFacts, 'release'>> {
  readonly release?: Partial<ExportFacts['release']>;
}

/** A release of one app for one chip; a test changes one thing. */
function createFacts({ release, ...changes }: Changes = {}): ExportFacts {
  return {
    product: 'Gateway',
    hardware: ['esp32c3'],
    release: { version: '1.2.3', artifacts: [app], ...release },
    md5: new Map([['app.bin', 'cd'.repeat(16)]]),
    signatures: new Map(),
    forceUpdate: false,
    ...changes,
  };
}

function plan(name: string, facts: ExportFacts) {
  const format = exportFormats.find((candidate) => candidate.name === name);
  if (format === undefined) throw new Error(`no format ${name}`);
  return planExport(format, facts);
}

/** The content of a file of the plan, parsed. */
function jsonOf(name: string, path: string, facts: ExportFacts): unknown {
  const file = plan(name, facts).find((candidate) => candidate.path === path);
  return file !== undefined && 'content' in file ? JSON.parse(file.content) : undefined;
}

function detailsOf(name: string, facts: ExportFacts): readonly string[] {
  try {
    plan(name, facts);
    return [];
  } catch (error) {
    if (error instanceof OtaError && error.code === 'export-impossible') return error.details;
    throw error;
  }
}

describe('esp-web-tools', () => {
  const name = 'esp-web-tools';

  it('lists all parts in the order of the flash, offsets as numbers', () => {
    const facts = createFacts({ release: { artifacts: parts } });
    expect(plan(name, facts).map(({ path }) => path)).toEqual([
      'bootloader.bin',
      'table.bin',
      'otadata.bin',
      'app.bin',
      'manifest.json',
    ]);
    expect(jsonOf(name, 'manifest.json', facts)).toEqual({
      name: 'Gateway',
      version: '1.2.3',
      new_install_prompt_erase: true,
      builds: [
        {
          chipFamily: 'ESP32-C3',
          parts: [
            { path: 'bootloader.bin', offset: 0 },
            { path: 'table.bin', offset: 32768 },
            { path: 'otadata.bin', offset: 53248 },
            { path: 'app.bin', offset: 65536 },
          ],
        },
      ],
    });
  });

  it('takes one merged image instead of all parts', () => {
    const merged: Artifact = { ...app, filename: 'factory.bin', role: 'merged' };
    const facts = createFacts({ release: { artifacts: [...parts, merged] } });
    expect(plan(name, facts)).toHaveLength(2);
    expect(jsonOf(name, 'manifest.json', facts)).toMatchObject({
      builds: [{ parts: [{ path: 'factory.bin', offset: 0 }] }],
    });
  });

  it('flashes an ESP8266 from the start, without further parts', () => {
    const facts = createFacts({ hardware: ['ESP8266'] });
    expect(jsonOf(name, 'manifest.json', facts)).toMatchObject({
      builds: [{ chipFamily: 'ESP8266', parts: [{ path: 'app.bin', offset: 0 }] }],
    });
  });

  it('writes names of files as parts of a URL', () => {
    const artifacts = parts.map((part) => ({ ...part, filename: `${part.role} #1%.bin` }));
    const facts = createFacts({ release: { artifacts } });
    expect(plan(name, facts)[0]).toEqual({
      path: 'bootloader #1%.bin',
      copyOf: 'bootloader #1%.bin',
    });
    const manifest = jsonOf(name, 'manifest.json', facts);
    expect(manifest).toMatchObject({
      builds: [
        { parts: expect.arrayContaining([{ path: 'bootloader%20%231%25.bin', offset: 0 }]) },
      ],
    });
    const url = new URL('bootloader%20%231%25.bin', 'https://example.com/fw/manifest.json');
    expect(decodeURIComponent(url.pathname)).toBe('/fw/bootloader #1%.bin');
  });

  it('takes the chip of the image before that of the product', () => {
    const release = { artifacts: parts, image: { chip: 'esp32s3' } };
    expect(jsonOf(name, 'manifest.json', createFacts({ release }))).toMatchObject({
      builds: [{ chipFamily: 'ESP32-S3' }],
    });
  });

  it('knows the chips that the format has a word for, and refuses others', () => {
    const families = chips.map(({ name: chip }) => {
      const facts = createFacts({ hardware: [chip], release: { artifacts: parts } });
      return detailsOf(name, facts)[0] ?? 'fine';
    });
    // wire-formats.md 4.4 has ten of them beside ESP8266
    expect(families.filter((word) => word === 'fine')).toHaveLength(10);
    expect(families).toContain('the format does not know the chip esp32h21');
  });

  it('says everything that is missing at once', () => {
    expect(detailsOf(name, createFacts({ hardware: [] }))).toEqual([
      'neither image.chip nor product.hardware says the chip',
      'no artifact has the role bootloader',
      'no artifact has the role partition-table',
      'app.bin has no offset',
    ]);
    const hardware = ['esp32', 'esp32c3'];
    expect(detailsOf(name, createFacts({ hardware, release: { artifacts: parts } }))).toEqual([
      'product.hardware names several chips: esp32, esp32c3',
    ]);
  });

  it('refuses parts that would overwrite each other', () => {
    const artifacts = parts.map((part) =>
      part.role === 'bootloader' ? { ...part, size: 0x8001 } : part,
    );
    expect(detailsOf(name, createFacts({ release: { artifacts } }))).toEqual([
      'bootloader.bin reaches into table.bin',
    ]);
    const touching = parts.map((part) =>
      part.role === 'bootloader' ? { ...part, size: 0x8000 } : part,
    );
    expect(detailsOf(name, createFacts({ release: { artifacts: touching } }))).toEqual([]);
  });
});

describe('esphome', () => {
  it('names the OTA binary with its MD5', () => {
    const facts = createFacts({ release: { artifacts: parts, notes: 'New.' } });
    expect(plan('esphome', facts)).toEqual([
      { path: 'app.bin', copyOf: 'app.bin' },
      {
        path: 'manifest.json',
        content: `{
  "name": "Gateway",
  "version": "1.2.3",
  "builds": [
    {
      "chipFamily": "ESP32-C3",
      "ota": {
        "path": "app.bin",
        "md5": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
        "summary": "New."
      }
    }
  ]
}
`,
      },
    ]);
  });

  it('never names a merged image', () => {
    const merged: Artifact = { ...app, filename: 'factory.bin', role: 'merged' };
    const facts = createFacts({ release: { artifacts: [merged] } });
    expect(detailsOf('esphome', facts)).toEqual(['no artifact has the role app']);
  });

  it('shortens notes to what Home Assistant takes, in whole characters', () => {
    const summary = (notes: string): unknown => {
      const manifest = jsonOf('esphome', 'manifest.json', createFacts({ release: { notes } }));
      return (manifest as { builds: [{ ota: { summary: string } }] }).builds[0].ota.summary;
    };
    expect(summary('x'.repeat(255))).toBe('x'.repeat(255));
    expect(summary('🙂'.repeat(256))).toBe(`${'🙂'.repeat(254)}…`);
  });

  it('uses the label when there are no notes', () => {
    expect(jsonOf('esphome', 'manifest.json', createFacts({ label: 'Stable' }))).toMatchObject({
      builds: [{ ota: { summary: 'Stable' } }],
    });
  });
});

describe('version-json', () => {
  it('has the fields of seed 002, size and SHA-256, and the firmware before them', () => {
    const facts = createFacts({
      forceUpdate: true,
      release: {
        created_at: '2024-01-15T11:30:00.250+01:00',
        notes: 'Bug fixes',
        min_version: '1.0.0',
      },
    });
    const content = `{
  "version": "1.2.3",
  "build_date": "2024-01-15T10:30:00Z",
  "description": "Bug fixes",
  "min_version": "1.0.0",
  "force_update": true,
  "size": 1000,
  "sha256": "${'ab'.repeat(32)}",
  "file": "firmware-1.2.3-abababababab.bin"
}
`;
    expect(plan('version-json', facts)).toEqual([
      { path: 'firmware-1.2.3-abababababab.bin', copyOf: 'app.bin' },
      { path: 'firmware.bin', copyOf: 'app.bin' },
      { path: 'version.json', content },
      { path: 'version', content },
    ]);
  });

  it('has values for what the release does not say', () => {
    expect(jsonOf('version-json', 'version.json', createFacts({ label: 'Stable' }))).toEqual({
      version: '1.2.3',
      description: 'Stable',
      min_version: '0.0.0',
      force_update: false,
      size: 1000,
      sha256: 'ab'.repeat(32),
      file: 'firmware-1.2.3-abababababab.bin',
    });
  });

  it('carries the signature that stands beside the artifact', () => {
    const signatures = new Map([['app.bin', 'c2lnbmF0dXJl']]);
    const content = jsonOf('version-json', 'version.json', createFacts({ signatures }));
    expect(content).toMatchObject({ signature: Buffer.from('signature').toString('base64') });
  });

  it('is what readers of version.json take', () => {
    const content = jsonOf('version-json', 'version.json', createFacts());
    expect(parseVersionFile(JSON.stringify(content), 'version.json')).toEqual(content);
  });
});

describe('http-update', () => {
  it('answers by version and MD5, and never with an app for a file system', () => {
    expect(plan('http-update', createFacts())).toEqual([
      { path: 'firmware.bin', copyOf: 'app.bin' },
      { path: 'firmware.bin.md5', content: `${'cd'.repeat(16)}  firmware.bin\n` },
      {
        path: 'nginx.conf',
        content: expect.stringContaining(`add_header x-MD5 "${'cd'.repeat(16)}";`),
      },
    ]);
  });

  it.each(['1.0"; } #', '1.0$uri', '1.0;'])(
    'refuses the version %j, which nginx would read otherwise',
    (version) => {
      expect(detailsOf('http-update', createFacts({ release: { version } }))).toHaveLength(1);
    },
  );
});

describe('checksums', () => {
  it('lists every artifact as sha256sum does', () => {
    const facts = createFacts({ release: { artifacts: parts.slice(0, 2) } });
    expect(plan('checksums', facts)).toEqual([
      { path: 'app.bin', copyOf: 'app.bin' },
      { path: 'otadata.bin', copyOf: 'otadata.bin' },
      {
        path: 'SHA256SUMS',
        content: `${'ab'.repeat(32)}  app.bin\n${'ab'.repeat(32)}  otadata.bin\n`,
      },
    ]);
  });
});

describe('every format', () => {
  it.each(['esphome', 'version-json', 'http-update'])(
    '%s refuses to guess which of two is the app',
    (name) => {
      const artifacts = [app, { ...app, filename: 'other.bin' }];
      expect(detailsOf(name, createFacts({ release: { artifacts } }))).toEqual([
        'several artifacts could be the app: app.bin, other.bin',
      ]);
    },
  );

  it.each([
    ['esphome', 'Manifest.json'],
    ['checksums', 'sha256sums'],
  ])('%s lets no artifact take the place of its own file', (name, filename) => {
    const facts = createFacts({ release: { artifacts: [{ ...app, filename }] } });
    expect(detailsOf(name, facts)).toHaveLength(1);
  });
});
