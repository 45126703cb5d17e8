import { shortKeyId } from '../../core/signing/key.ts';
import { type AdminAct, type AdminArgs, paging, query, segment, single } from './act.ts';

const device = (args: AdminArgs): string => `/api/admin/devices/${segment(single(args, 'device'))}`;
const model = (args: AdminArgs): string => `/api/v1/models/${segment(args['device-type'])}`;

/** Keys are known by the beginning of their ids; nobody reads PEM in a table. */
function tellModel({ public_keys: _, key_ids: ids, ...facts }: Readonly<Record<string, unknown>>) {
  return { ...facts, keys: (ids as string[]).map(shortKeyId) };
}

/** Devices, and what holds for all devices of a model. */
export const deviceActs: readonly AdminAct[] = [
  {
    words: 'devices list',
    needs: [],
    takes: ['device-type', 'group', ...paging],
    method: 'GET',
    path: (args) => {
      const { 'device-type': device_model, skip, limit } = args;
      return `/api/admin/devices${query({ device_model, group: single(args, 'group'), skip, limit })}`;
    },
    place: 'devices',
    columns: ['device_id', 'device_model', 'current_firmware_version', 'groups', 'last_seen'],
  },
  { words: 'devices show', needs: ['device'], method: 'GET', path: device },
  {
    words: 'devices groups',
    needs: ['device', 'group'],
    method: 'PATCH',
    path: device,
    // An empty one takes the device out of all groups.
    body: (args) => ({ groups: [args.group].flat().filter((group) => group !== '') }),
  },
  {
    words: 'devices retry',
    needs: ['device'],
    method: 'PATCH',
    path: device,
    body: () => ({ reset_setbacks: true }),
  },
  {
    words: 'devices key',
    needs: ['device'],
    method: 'GET',
    path: (args) => `/api/v1/devices/${segment(single(args, 'device'))}/key`,
  },
  {
    words: 'models list',
    needs: [],
    method: 'GET',
    path: () => '/api/v1/models',
    place: 'models',
    columns: ['model', 'auth', 'keys'],
    tell: tellModel,
  },
  {
    words: 'models show',
    needs: ['device-type'],
    method: 'GET',
    path: model,
    tell: tellModel,
  },
  {
    words: 'models set',
    needs: ['device-type'],
    needsOneOf: ['auth', 'public-key', 'unsigned'],
    method: 'PUT',
    path: model,
    body: (args) => ({
      auth: args.auth,
      public_keys: args.unsigned === true ? [] : args['public-key'],
    }),
    tell: tellModel,
  },
];
