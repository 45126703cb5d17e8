import { hexNumber } from './finding.ts';
import type { FirmwareFile } from './firmware-file.ts';

/** The chip that a file is made for, as far as the file says. `name` is absent for unknown ids. */
export interface FileChip {
  readonly name: string | undefined;
  /** For people: the name, or `unknown chip 0x7f7f`. */
  readonly label: string;
}

/** The chip of an image or of a merged image's bootloader; `undefined` for files that name none. */
export function chipOf(file: FirmwareFile): FileChip | undefined {
  switch (file.kind) {
    case 'app':
    case 'bootloader':
    case 'image': {
      const { id, name } = file.chip;
      return { name, label: name ?? `unknown chip ${hexNumber(id, 4)}` };
    }
    case 'esp8266-v1':
    case 'esp8266-v2':
      return { name: 'esp8266', label: 'esp8266' };
    case 'merged':
      return chipOf(file.bootloader.image);
    default:
      return undefined;
  }
}
