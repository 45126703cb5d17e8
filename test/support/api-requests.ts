/** As much of an OpenAPI document as making requests needs. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, ApiOperation>>>>;
}

interface ApiOperation {
  readonly security?: readonly unknown[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: 'path' | 'query' | 'header';
    readonly required?: boolean;
    readonly schema: FieldSchema;
  }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema?: FieldSchema }>>;
  };
}

interface FieldSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly items?: FieldSchema;
}

/** One request, in parts that a test can change one by one. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its parameters as in the document: `/api/x/{name}`. */
  readonly route: string;
  readonly needsKey: boolean;
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

/** Values that mean something to the service, by the names of fields. */
const known: Readonly<Record<string, unknown>> = {
  device_id: 'd1',
  device_model: 'esp32',
  device_type: 'esp32',
  model: 'esp32',
  current_version: '1.0.0',
  firmware_version: '2.0.0',
  version: '2.0.0',
  name: 'all',
  id: 1,
  firmware_id: 1,
  target_type: 'specific',
  target_filter: { device_ids: ['d1'], groups: ['g'] },
  public_keys: [],
  labels: { room: '1' },
  binary_path: 'esp32/v2.0.0.bin',
  rollout: 'canary:10',
};

/** A sound request to every operation, all of its fields given. */
export function soundRequests(document: ApiDocument): ApiRequest[] {
  return Object.entries(document.paths).flatMap(([route, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const { parameters = [], requestBody, security } = operation;
      const fields = (place: string): Record<string, unknown> =>
        Object.fromEntries(
          parameters
            .filter((parameter) => parameter.in === place)
            .map(({ name, schema }) => [name, sampleOf(name, schema)]),
        );
      const schema = requestBody?.content['application/json']?.schema;
      return {
        method: method.toUpperCase() as ApiRequest['method'],
        route,
        needsKey: security !== undefined,
        path: fields('path'),
        query: fields('query'),
        body: schema === undefined ? undefined : (sampleOf('', schema) as Record<string, unknown>),
      };
    }),
  );
}

function sampleOf(name: string, schema: FieldSchema): unknown {
  if (schema.properties !== undefined && known[name] === undefined)
    return Object.fromEntries(
      Object.entries(schema.properties).map(([key, field]) => [key, sampleOf(key, field)]),
    );
  if (known[name] !== undefined) return known[name];
  if (schema.enum !== undefined) return schema.enum[0];
  const type = [schema.type ?? 'string'].flat()[0];
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1;
  if (type === 'boolean') return false;
  if (type === 'array') return [sampleOf('', schema.items ?? {})];
  if (type === 'object') return {};
  return /64/.test(schema.pattern ?? '') ? 'aa'.repeat(32) : 'sample';
}

/** The path and query as they go over the wire. Texts in `raw` are not encoded once more. */
export function urlOf(request: ApiRequest, raw: Readonly<Record<string, string>> = {}): string {
  const encode = (name: string, value: unknown): string =>
    raw[name] ?? encodeURIComponent(typeof value === 'object' ? JSON.stringify(value) : `${value}`);
  const path = request.route.replace(/\{(\w+)\}/g, (_, name: string) =>
    encode(name, request.path[name]),
  );
  const query = Object.entries(request.query).map(
    ([name, value]) => `${name}=${encode(name, value)}`,
  );
  return query.length === 0 ? path : `${path}?${query.join('&')}`;
}

/** Texts that have broken something somewhere. All are well-formed Unicode. */
export const oddTexts: readonly string[] = [
  '',
  ' ',
  'a\0b',
  'a\r\nX-Evil: 1',
  "'; drop table devices; --",
  '" or ""="',
  "1' or '1'='1",
  '../../../../etc/passwd',
  '..\\..\\windows\\win.ini',
  '/etc/passwd',
  'C:\\x',
  '.',
  '..',
  '%2e%2e%2f',
  '%',
  '__proto__',
  'constructor',
  '<script>alert(1)</script>',
  '${jndi:ldap://x}',
  '\u{1f525}\u202e\u2028\ufeff',
  '\x1b[31m\x7f',
  'x'.repeat(129),
  'x'.repeat(20_000),
  '-1',
  '1e308',
  'NaN',
  '99999999999999999999',
  '9223372036854775808',
  '2147483648',
  'true',
  'null',
  '[]',
];

/** The same for places where JSON is allowed, lone surrogates (which only JSON can express) included. */
export const oddValues: readonly unknown[] = [
  ...oddTexts,
  '\ud800',
  'a\udfffb',
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  [],
  [[]],
  ['a\0b'],
  ['\ud800'],
  {},
  { 'a\0b': 'a\0b' },
  { $gt: '' },
  { device_ids: ['a\0b'], groups: ['\ud800'] },
  { device_ids: [{}] },
];
