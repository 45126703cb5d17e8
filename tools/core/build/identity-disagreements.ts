import { quoted } from '../display-text.ts';
import { parseChipName } from '../image/chips.ts';
import { type AppDescriptor, sameCutText } from '../image/esp/app-descriptor.ts';
import { formatChipRevision } from '../image/esp/header.ts';
import { chipOf } from '../image/image-chip.ts';
import type { JoinedBuild } from './build-folder.ts';
import { type Disagreement, type DisagreementCode, disagreement } from './disagreement.ts';

/** Names, versions and chips that differ between the files of a build and their descriptions. */
export function identityDisagreements(build: JoinedBuild): Disagreement[] {
  const image = build.app?.image;
  const descriptor = image?.kind === 'app' ? image.descriptor : undefined;
  return [
    ...(descriptor === undefined ? [] : descriptorDisagreements(build, descriptor)),
    ...targetDisagreements(build),
    ...revisionDisagreements(build),
  ];
}

function descriptorDisagreements(
  { project }: JoinedBuild,
  descriptor: AppDescriptor,
): Disagreement[] {
  if (descriptor.placeholder) return [];
  const compare = (
    code: DisagreementCode,
    what: string,
    inImage: string,
    described: string | undefined,
  ): Disagreement[] =>
    described === undefined || sameCutText(inImage, described)
      ? []
      : [
          disagreement(
            code,
            'warning',
            `the ${what} is ${quoted(inImage)} in the app and ${quoted(described)} in project_description.json: the app is from another build`,
          ),
        ];
  return [
    ...compare('project-name', 'project', descriptor.projectName, project.projectName),
    ...compare('project-version', 'version', descriptor.version, project.projectVersion),
    ...compare('idf-version', 'ESP-IDF version', descriptor.idfVersion, project.idfVersion),
  ];
}

function targetDisagreements({ project, config, flasher, parts }: JoinedBuild): Disagreement[] {
  const { target } = project;
  if (target === undefined) return [];
  const wrong = (place: string, chip: string): Disagreement =>
    disagreement(
      'target',
      'error',
      `the target is ${quoted(target)}, but ${place} is for ${quoted(chip)}`,
    );
  const described = [
    ['flasher_args.json', flasher?.chip],
    ['the configuration', config?.target],
  ] as const;
  return [
    ...described.flatMap(([place, chip]) =>
      chip === undefined || chip === target ? [] : [wrong(place, chip)],
    ),
    ...parts.flatMap(({ role, image }) => {
      const chip = image && chipOf(image);
      const same = chip === undefined || chip.name === (parseChipName(target) ?? target);
      return same ? [] : [wrong(`the ${role}`, chip.label)];
    }),
  ];
}

function revisionDisagreements({ project, app }: JoinedBuild): Disagreement[] {
  const { minChipRevision } = project;
  const image = app?.image;
  if (minChipRevision === undefined || image?.kind !== 'app') return [];
  const inImage = image.header.minChipRevision;
  if (inImage === minChipRevision) return [];
  return [
    disagreement(
      'chip-revision',
      'warning',
      `the least chip revision is ${formatChipRevision(inImage)} in the app and ${formatChipRevision(minChipRevision)} in project_description.json`,
    ),
  ];
}
