import { OtaError } from '../../errors.ts';
import { didYouMeanSuffix } from '../../schema.ts';

/** Which devices are meant, as typed: `--device`, `--group`, `--all`. */
export interface AudienceRequest {
  readonly devices: readonly string[];
  readonly groups: readonly string[];
  readonly all: boolean;
}

/** What the deploy configuration knows of devices. */
export interface KnownDevices {
  readonly devices: readonly string[];
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

/**
 * The devices of a request, each once. With `--all`: every device that the configuration names, and those that
 * have left a status at the broker.
 *
 * @throws OtaError `group-unknown`; `usage` when nobody is meant
 */
export function chooseDevices(
  request: AudienceRequest,
  known: KnownDevices,
  discovered: readonly string[],
): string[] {
  const chosen = new Set(request.devices);
  for (const group of request.groups) {
    const members = Object.hasOwn(known.groups, group) ? known.groups[group] : undefined;
    if (members === undefined) throw unknownGroup(group, Object.keys(known.groups));
    for (const member of members) chosen.add(member);
  }
  if (request.all) {
    const listed = [known.devices, ...Object.values(known.groups), discovered].flat();
    for (const device of listed) chosen.add(device);
  }
  if (chosen.size > 0) return request.all ? [...chosen].sort() : [...chosen];
  throw new OtaError('usage', 'no device is meant', {
    hint: request.all
      ? 'No device has left a status at the broker, and the configuration lists none: add "devices".'
      : 'Give --device, --group or --all.',
  });
}

function unknownGroup(group: string, groups: readonly string[]): OtaError {
  return new OtaError(
    'group-unknown',
    `there is no group "${group}"${didYouMeanSuffix(group, groups)}`,
    {
      hint:
        groups.length === 0
          ? 'Add "groups" to the deploy configuration: {"lab": ["device-1"]}.'
          : `Groups of the configuration: ${groups.join(', ')}.`,
    },
  );
}
