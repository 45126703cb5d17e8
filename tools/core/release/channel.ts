/** Settings of one transport, or of all by name, as JSON holds them. */
export type Settings = Readonly<Record<string, unknown>>;

/** Whether a value is a JSON object. */
export function isSettings(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Merges settings per key, deeply; later layers win. Lists are replaced as a whole; `null` removes a key.
 * The layers of a deployment are: root < release < artifact < command line.
 */
export function mergeSettings(...layers: readonly (Settings | undefined)[]): Settings {
  let merged: Settings = {};
  for (const layer of layers) if (layer !== undefined) merged = mergeTwo(merged, layer);
  return merged;
}

function mergeTwo(base: Settings, override: Settings): Settings {
  const merged = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(override)) {
    if (value === null) merged.delete(key);
    else if (isSettings(value)) {
      const under = merged.get(key);
      merged.set(key, mergeTwo(isSettings(under) ? under : {}, value));
    } else merged.set(key, value);
  }
  return Object.fromEntries(merged);
}

/** Only what an override changes: leaves that equal the base are left out. */
export function differingSettings(base: Settings, override: Settings): Settings {
  const kept: [string, unknown][] = [];
  for (const [key, value] of Object.entries(override)) {
    const under = base[key];
    if (isSettings(value)) {
      const inner = differingSettings(isSettings(under) ? under : {}, value);
      if (Object.keys(inner).length > 0) kept.push([key, inner]);
    } else if (value === null ? key in base : JSON.stringify(value) !== JSON.stringify(under)) {
      kept.push([key, value]);
    }
  }
  return Object.fromEntries(kept);
}

/** Calls back for every text in the settings, with its path (`headers.Authorization`). */
export function eachText(
  value: unknown,
  visit: (text: string, path: string) => void,
  path = '',
): void {
  if (typeof value === 'string') visit(value, path);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      eachText(item, visit, path === '' ? key : `${path}.${key}`);
    }
  }
}

/** A copy with every text replaced. */
export function mapTexts(value: unknown, replace: (text: string) => string): unknown {
  if (typeof value === 'string') return replace(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, replace));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, mapTexts(item, replace)]),
    );
  }
  return value;
}
