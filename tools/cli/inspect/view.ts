import { displayText } from '../../core/display-text.ts';
import { kindNames } from '../../core/image/firmware-file.ts';
import type { BuildInspection, Inspection } from '../../workflows/inspect.ts';
import { formatBytes, renderTable } from '../render.ts';
import { type Fact, factLines, indent } from './facts.ts';
import { fileLines } from './file-view.ts';
import { partitionLines } from './tables.ts';

/** What `ota inspect` prints. Text from files is made safe for a terminal. */
export function renderInspection(inspection: Inspection, path: string): string {
  const lines =
    inspection.subject === 'file'
      ? [
          `${displayText(path)}: ${kindNames[inspection.file.kind]}`,
          ...fileLines(inspection.file, inspection.sha256),
        ]
      : buildLines(inspection, path);
  const problems = inspection.problems.map((problem) => `problem: ${problem}`);
  return [...lines, ...problems].join('\n');
}

function buildLines({ build }: BuildInspection, path: string): string[] {
  const { project, config, flasher, parts, partitionTable } = build;
  const text = (value: string | undefined): string | undefined => value && displayText(value);
  const facts: Fact[] = [
    ['project', text(project.projectName)],
    ['version', text(project.projectVersion)],
    ['target', text(project.target)],
    ['ESP-IDF', text(project.idfVersion)],
    ['flash', flashFact(build.flashSizeBytes, flasher?.flashMode, flasher?.flashFrequency)],
    ['security', securityFact(config)],
  ];
  const rows = parts.map(({ role, name, offset, path: file, sizeBytes, state, image }) => [
    role === 'data' ? `data ${displayText(name)}` : role,
    offset === undefined ? '-' : `0x${offset.toString(16)}`,
    sizeBytes === undefined ? '-' : String(sizeBytes),
    displayText(file),
    state === 'present' ? (image === undefined ? 'present' : kindNames[image.kind]) : state,
  ]);
  const app = build.app?.image;
  return [
    `${displayText(path)}: an ESP-IDF build`,
    ...factLines(facts),
    '  files',
    ...indent(renderTable([['role', 'flash', 'bytes', 'file', 'is'], ...rows]), 4),
    ...(app === undefined ? [] : ['  app', ...fileLines(app, undefined).map((row) => `  ${row}`)]),
    ...(partitionTable === undefined ? [] : partitionLines(partitionTable)),
    // Errors are printed as problems.
    ...build.disagreements
      .filter(({ severity }) => severity === 'warning')
      .map(({ message }) => `warning: ${message}`),
  ];
}

function flashFact(sizeBytes?: number, mode?: string, frequency?: string): string | undefined {
  const words = [
    sizeBytes === undefined ? undefined : formatBytes(sizeBytes),
    mode && displayText(mode).toUpperCase(),
    frequency && displayText(frequency).replace(/m$/, ' MHz'),
  ].filter((word) => word !== undefined && word !== '');
  return words.length === 0 ? undefined : words.join(', ');
}

function securityFact(config: BuildInspection['build']['config']): string | undefined {
  if (config === undefined) return undefined;
  const words = [
    config.secureBoot === undefined ? undefined : `secure boot ${config.secureBoot}`,
    config.secureBoot === undefined && config.signedApps ? 'signed apps' : undefined,
    config.flashEncryption ? 'flash encryption' : undefined,
    config.rollback ? 'rollback' : undefined,
    config.antiRollback ? `anti-rollback (version ${config.secureVersion ?? 0})` : undefined,
  ].filter((word) => word !== undefined);
  return words.length === 0 ? 'none of secure boot, flash encryption, rollback' : words.join(', ');
}
