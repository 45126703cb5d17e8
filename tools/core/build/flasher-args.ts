import { displayText, quoted } from '../display-text.ts';
import { OtaError } from '../errors.ts';
import { type Fields, isFields, objectOf, parseAddress, parseFlashSize, textOf } from './fields.ts';

/** One file that `idf.py flash` writes. `path` is as the build wrote it: relative to the build folder. */
export interface FlashFile {
  /** `app`, `bootloader`, `partition-table`, `otadata`, or the project's own name for a data partition. */
  readonly name: string;
  readonly offset: number;
  readonly path: string;
  readonly encrypted: boolean;
}

/** What `flasher_args.json` says. */
export interface FlasherArgs {
  readonly chip: string | undefined;
  readonly flashMode: string | undefined;
  readonly flashFrequency: string | undefined;
  /** `4MB`, or `detect` or `keep`, which say nothing about the size. */
  readonly flashSize: string | undefined;
  readonly flashSizeBytes: number | undefined;
  /** In the order of their addresses. */
  readonly files: readonly FlashFile[];
}

const settings = new Set([
  'write_flash_args',
  'flash_settings',
  'flash_files',
  'extra_esptool_args',
]);
/** No build writes more files; a longer list is damaged or hostile. */
const maxFiles = 128;

/**
 * Reads the JSON that ESP-IDF writes from `components/esptool_py/flasher_args.json.in`: the named images, and
 * files that only `flash_files` lists, under their own path as name.
 *
 * @throws OtaError `build-invalid`
 */
export function parseFlasherArgs(value: unknown, path: string): FlasherArgs {
  const root = objectOf(value, path);
  const flash = isFields(root.flash_settings) ? root.flash_settings : {};
  const extra = isFields(root.extra_esptool_args) ? root.extra_esptool_args : {};
  const files = [...namedFiles(root, path)];
  for (const file of listedFiles(root, path)) {
    if (!files.some(({ offset }) => offset === file.offset)) files.push(file);
  }
  if (files.length > maxFiles) throw invalid(path, `lists ${files.length} files to flash`);
  const flashSize = textOf(flash, 'flash_size');
  return {
    chip: textOf(extra, 'chip'),
    flashMode: textOf(flash, 'flash_mode'),
    flashFrequency: textOf(flash, 'flash_freq'),
    flashSize,
    flashSizeBytes: parseFlashSize(flashSize),
    files: files.sort((a, b) => a.offset - b.offset),
  };
}

function* namedFiles(root: Fields, path: string): Generator<FlashFile> {
  for (const [name, entry] of Object.entries(root)) {
    if (settings.has(name) || !isFields(entry)) continue;
    const file = textOf(entry, 'file');
    const offset = textOf(entry, 'offset');
    if (file === undefined || offset === undefined) continue;
    // A text in the JSON of all ESP-IDF versions.
    const encrypted = entry.encrypted === 'true' || entry.encrypted === true;
    yield {
      name,
      offset: addressOf(offset, `${path}: ${displayText(name)}.offset`),
      path: file,
      encrypted,
    };
  }
}

function* listedFiles(root: Fields, path: string): Generator<FlashFile> {
  if (!isFields(root.flash_files)) return;
  for (const [offset, file] of Object.entries(root.flash_files)) {
    if (typeof file !== 'string') throw invalid(path, `names no file at ${displayText(offset)}`);
    const address = addressOf(offset, `${path}: flash_files`);
    yield { name: file, offset: address, path: file, encrypted: false };
  }
}

function addressOf(text: string, place: string): number {
  const address = parseAddress(text);
  if (address === undefined)
    throw invalid(place, `holds ${quoted(text)}, which is no flash address`);
  return address;
}

function invalid(place: string, what: string): OtaError {
  return new OtaError('build-invalid', `${place} ${what}`, {
    hint: 'Build again with `idf.py build`; the file is written at configure time.',
  });
}
