import {
  type BuildFolder,
  type BuildPart,
  expectedParts,
  joinBuild,
} from '../../tools/core/build/build-folder.ts';
import { parseFlasherArgs } from '../../tools/core/build/flasher-args.ts';
import { parseProjectDescription } from '../../tools/core/build/project-description.ts';
import { parseSdkconfigJson } from '../../tools/core/build/sdkconfig.ts';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import { sampleApp, sampleBootloader } from './esp-images.ts';
import { otadata, partitionTable } from './flash-files.ts';

type Json = Readonly<Record<string, unknown>>;

/** The files of a build, by path; a test replaces some. */
export interface SampleBuild {
  readonly project: Json;
  readonly flasher: Json;
  readonly config: Json;
  readonly files: Readonly<Record<string, Uint8Array | undefined>>;
}

/** What `idf.py build` leaves for a small project on an ESP32-C3, as ESP-IDF 5.4 writes it. */
export const sampleBuild: SampleBuild = {
  project: {
    version: '1.1',
    project_name: 'blinky',
    project_version: '1.2.3',
    project_path: '/home/somebody/blinky',
    build_dir: '/home/somebody/blinky/build',
    app_elf: 'blinky.elf',
    app_bin: 'blinky.bin',
    build_type: 'flash_app',
    git_revision: 'v5.4',
    target: 'esp32c3',
    min_rev: '0',
    max_rev: '199',
  },
  flasher: {
    write_flash_args: ['--flash_mode', 'dio', '--flash_size', '4MB', '--flash_freq', '80m'],
    flash_settings: { flash_mode: 'dio', flash_size: '4MB', flash_freq: '80m' },
    flash_files: {
      '0x0': 'bootloader/bootloader.bin',
      '0x10000': 'blinky.bin',
      '0x8000': 'partition_table/partition-table.bin',
      '0xd000': 'ota_data_initial.bin',
    },
    bootloader: { offset: '0x0', file: 'bootloader/bootloader.bin', encrypted: 'false' },
    app: { offset: '0x10000', file: 'blinky.bin', encrypted: 'false' },
    'partition-table': {
      offset: '0x8000',
      file: 'partition_table/partition-table.bin',
      encrypted: 'false',
    },
    otadata: { offset: '0xd000', file: 'ota_data_initial.bin', encrypted: 'false' },
    extra_esptool_args: {
      after: 'hard_reset',
      before: 'default_reset',
      stub: true,
      chip: 'esp32c3',
    },
  },
  config: {
    IDF_TARGET: 'esp32c3',
    PARTITION_TABLE_OFFSET: 0x8000,
    BOOTLOADER_OFFSET_IN_FLASH: 0,
    ESPTOOLPY_FLASHSIZE: '4MB',
    BOOTLOADER_APP_ROLLBACK_ENABLE: true,
    SECURE_BOOT: false,
  },
  files: {
    'blinky.bin': sampleApp(),
    'bootloader/bootloader.bin': sampleBootloader(),
    'partition_table/partition-table.bin': partitionTable(),
    'ota_data_initial.bin': otadata([]),
  },
};

export interface BuildChanges {
  readonly project?: Json;
  readonly flasher?: Json;
  readonly config?: Json;
  readonly files?: SampleBuild['files'];
}

export function changeBuild(changes: BuildChanges): SampleBuild {
  return {
    project: { ...sampleBuild.project, ...changes.project },
    flasher: { ...sampleBuild.flasher, ...changes.flasher },
    config: { ...sampleBuild.config, ...changes.config },
    files: { ...sampleBuild.files, ...changes.files },
  };
}

/** The joined build, without a disk. */
export function joinSample(changes: BuildChanges = {}): BuildFolder {
  const { project, flasher, config, files } = changeBuild(changes);
  const parsedProject = parseProjectDescription(project, 'project_description.json');
  const parsedFlasher = parseFlasherArgs(flasher, 'flasher_args.json');
  const parts = expectedParts(parsedProject, parsedFlasher).map((part): BuildPart => {
    const bytes = files[part.path];
    const image = bytes === undefined || part.role === 'data' ? undefined : parseImage(bytes);
    const state = bytes === undefined ? 'missing' : 'present';
    return { ...part, state, sizeBytes: bytes?.length, image };
  });
  return joinBuild({
    folder: 'build',
    project: parsedProject,
    flasher: parsedFlasher,
    config: parseSdkconfigJson(config, 'config/sdkconfig.json'),
    parts,
  });
}
