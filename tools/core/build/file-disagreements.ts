import { quoted } from '../display-text.ts';
import { type FirmwareKind, kindNames } from '../image/firmware-file.ts';
import type { BuildPart, BuildRole, JoinedBuild } from './build-folder.ts';
import { type Disagreement, disagreement } from './disagreement.ts';

/** What a file of a role can be. Old bootloaders and RAM apps have no descriptor. */
const kindsByRole: Readonly<Partial<Record<BuildRole, readonly FirmwareKind[]>>> = {
  app: ['app', 'esp8266-v1', 'esp8266-v2'],
  bootloader: ['bootloader', 'image', 'esp8266-v1'],
  'partition-table': ['partition-table'],
  otadata: ['otadata'],
};

/** Files that the build lists and that are not there, not inside the folder, or not what they should be. */
export function fileDisagreements({ parts, project, app }: JoinedBuild): Disagreement[] {
  const found = parts.flatMap((part) => partProblem(part) ?? []);
  if (app === undefined) {
    found.unshift(disagreement('file-missing', 'error', 'the build names no app binary'));
  } else if (project.appBin !== undefined && project.appBin !== app.path) {
    found.push(
      disagreement(
        'app-name',
        'error',
        `the app is ${quoted(project.appBin)} in project_description.json and ${quoted(app.path)} in flasher_args.json`,
      ),
    );
  }
  return found;
}

function partProblem(part: BuildPart): Disagreement | undefined {
  const { role, path, state, image } = part;
  const named = `${role === 'data' ? `data file ${quoted(part.name)}` : `the ${role}`} (${quoted(path)})`;
  if (state === 'outside') {
    return disagreement('file-outside', 'error', `${named} lies outside of the build folder`);
  }
  if (state === 'missing') {
    const severity = role === 'app' ? 'error' : 'warning';
    return disagreement('file-missing', severity, `${named} is listed but not there`);
  }
  const kinds = kindsByRole[role];
  if (kinds === undefined || image === undefined || kinds.includes(image.kind)) return undefined;
  return disagreement('file-kind', 'error', `${named} is ${kindNames[image.kind]}`);
}
