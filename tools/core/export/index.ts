import { checksums } from './checksums.ts';
import { espWebTools } from './esp-web-tools.ts';
import { esphome } from './esphome.ts';
import type { ExportFormat } from './format.ts';
import { httpUpdate } from './http-update.ts';
import { versionJson } from './version-json.ts';

/** All formats, in the order in which help and errors list them. */
export const exportFormats: readonly ExportFormat[] = [
  espWebTools,
  esphome,
  versionJson,
  httpUpdate,
  checksums,
];
