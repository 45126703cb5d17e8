import type { EspImage } from '../../tools/core/image/esp/esp-image.ts';
import type { Esp8266V1Image } from '../../tools/core/image/esp8266/v1.ts';
import { hexNumber } from '../../tools/core/image/finding.ts';
import type { FirmwareFile } from '../../tools/core/image/firmware-file.ts';
import type { MergedImage } from '../../tools/core/image/merged.ts';

/** What a row of `shared/images/INDEX.md` says of a file, in its words. */
export interface Verdicts {
  readonly chip: string;
  readonly kind: string;
  readonly verified: string;
  readonly descriptor: string;
}

export interface IndexRow extends Verdicts {
  readonly file: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** All rows of all tables; the files of the last table lie in `synthetic/`. */
export function indexRows(markdown: string): IndexRow[] {
  const rows: IndexRow[] = [];
  let head: string[] = [];
  let folder = '';
  for (const line of markdown.split('\n')) {
    if (line.startsWith('## ')) folder = line.startsWith('## synthetic') ? 'synthetic/' : '';
    if (!line.startsWith('|') || line.startsWith('|--')) continue;
    const cells = line.split('|').slice(1, -1);
    if (cells[0] === 'file') {
      head = cells;
      continue;
    }
    const cell = (name: string): string => cells[head.indexOf(name)] ?? '';
    rows.push({
      file: cell('file'),
      path: `${folder}${cell('file')}`,
      sizeBytes: Number(cell('size')),
      chip: cell('chip'),
      kind: cell('kind'),
      verified: cell('verified'),
      descriptor: cell('descriptor'),
      sha256: cell('sha256'),
      ...(cell('flash, chip rev') === '' ? {} : { flash: cell('flash, chip rev') }),
    });
  }
  return rows;
}

const kindWords: Partial<Record<FirmwareFile['kind'], string>> = {
  image: 'image without descriptor',
};

/** What the toolkit's reader says of a file, in the words of INDEX.md. */
export function verdictsOf(file: FirmwareFile): Verdicts & { flash?: string } {
  const base = {
    chip: '-',
    kind: kindWords[file.kind] ?? file.kind,
    verified: '-',
    descriptor: '-',
  };
  switch (file.kind) {
    case 'app':
    case 'bootloader':
    case 'image':
      return { ...base, ...espVerdicts(file) };
    case 'esp8266-v1':
      return { ...base, chip: 'esp8266', verified: esp8266Words(file) };
    case 'esp8266-v2':
      return {
        ...base,
        chip: 'esp8266',
        verified: `ck ${ok(file.checksum.status)}, crc ${ok(file.crc.status)}`,
      };
    case 'merged':
      return { ...base, ...mergedVerdicts(file) };
    case 'partition-table': {
      const { partitions, md5, endMarker } = file.table;
      const md5Word = { valid: 'ok', invalid: 'bad', absent: 'None' }[md5];
      const end = endMarker ? 'True' : 'False';
      return { ...base, verified: `${partitions.length} entries, md5 ${md5Word}, end ${end}` };
    }
    case 'delta-patch':
      return file.container === 'espressif' ? { ...base, kind: 'esp_delta_ota patch' } : base;
    case 'unknown':
      return file.resembles === 'image' ? { ...base, kind: 'unknown-e9' } : base;
    default:
      return base;
  }
}

function ok(status: string): string {
  return status === 'valid' ? 'ok' : 'BAD';
}

function espVerdicts(image: EspImage & FirmwareFile) {
  return {
    chip: image.chip.name ?? hexNumber(image.chip.id, 4),
    verified: espWords(image),
    descriptor: descriptorWords(image),
    flash: flashWords(image),
  };
}

function espWords(image: EspImage): string {
  const problem = image.findings.find(
    ({ code }) => code === 'truncated' || code === 'segment-length',
  )?.message;
  if (problem !== undefined && image.checksum.status === 'missing') {
    return problem
      .replace(/^bad length (\w+).*/, 'bad seg len $1')
      .replace(/(segment \d+|the checksum)[: ].*/, '$1')
      .replace('the checksum', 'checksum');
  }
  const hash = { valid: 'sha ok', invalid: 'sha BAD', missing: 'sha short', absent: 'no hash' };
  return [
    `ck ${ok(image.checksum.status)}`,
    hash[image.hash.status],
    ...signatureWords(image),
  ].join(', ');
}

function signatureWords({ signature }: EspImage): string[] {
  if (signature?.scheme !== 'secure-boot-v2') return [];
  const names = { rsa3072: 'rsa3072', 'ecdsa-p256': 'ecdsa-curve2' } as Record<string, string>;
  const words = signature.blocks.map(({ algorithm }) => names[algorithm]).join('+');
  const digest = signature.blocks.every((block) => block.digest === 'valid');
  const crc = signature.blocks.every((block) => block.crc === 'valid');
  return [`SBv2 ${words} ${digest ? 'digest ok' : 'DIGEST BAD'}${crc ? '' : ' BLOCK CRC BAD'}`];
}

function descriptorWords(image: FirmwareFile): string {
  if (image.kind === 'bootloader') return `bootloader IDF ${image.descriptor.idfVersion}`;
  if (image.kind !== 'app') return '-';
  const { projectName, version, idfVersion, secureVersion } = image.descriptor;
  const words = `${projectName} ${version}; IDF ${idfVersion}; sv=${secureVersion}`;
  return words.replace(
    /[^\x20-\x7e]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

function flashWords({ header }: EspImage): string {
  const megabytes = (header.flashSizeBytes ?? 0) / 1024 / 1024;
  return `${megabytes}MB/${header.flashMode?.toUpperCase()} min ${header.minChipRevision} max ${header.maxChipRevision}`;
}

/** INDEX.md looks at the app behind eboot where there is one, as a correct reader does. */
function esp8266Words({ checksum, app, hash }: Esp8266V1Image): string {
  const verdict = app === undefined ? checksum.status : app.checksum.status;
  return `ck ${ok(verdict)}${hash.status === 'absent' ? '' : `, sha ${ok(hash.status)}`}`;
}

function mergedVerdicts(file: MergedImage) {
  const { bootloader, tableOffset, apps } = file;
  const boot = bootloader.image;
  const atStart = bootloader.fileOffset === 0 && boot.kind !== 'esp8266-v1';
  const words = apps.map(({ label, flashOffset, image }) => {
    const descriptor = image.kind === 'app' ? image.descriptor : undefined;
    const good = [
      image.checksum.status === 'valid' && 'ck',
      image.hash.status === 'valid' && 'sha',
    ];
    const cells = [
      label,
      hexNumber(flashOffset),
      ...good,
      descriptor?.projectName,
      descriptor?.version,
    ];
    return `(${cells.map((cell) => `'${cell}'`).join(', ')})`;
  });
  const parts = `bl@${hexNumber(bootloader.flashOffset)} pt@${hexNumber(tableOffset)} apps [${words.join(', ')}]`;
  return {
    chip: boot.kind === 'esp8266-v1' ? 'esp8266' : (boot.chip.name ?? '-'),
    verified: atStart ? `${espWords(boot)}, ${parts}` : parts,
    descriptor: atStart ? descriptorWords(boot) : '-',
  };
}
