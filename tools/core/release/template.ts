import { OtaError } from '../errors.ts';
import type { ArtifactFacts } from './delivery.ts';

/** What may stand in a topic or a URL as `{version}`, `{product}`, `{hardware}`, `{artifact}`, `{filename}`. */
export function templateVariables(facts: ArtifactFacts): Readonly<Record<string, string>> {
  const { version, product, hardware, artifact, filename } = facts;
  return { version, product, hardware, artifact, filename };
}

/**
 * Puts values in the place of `{name}`. Braces that enclose no pair stay as they are.
 *
 * @param encode makes one value fit for the place it goes to
 * @throws OtaError `channel-invalid` for names that are not among the variables
 */
export function expandTemplate(
  template: string,
  variables: Readonly<Record<string, string>>,
  encode: (value: string) => string = (value) => value,
): string {
  const unknown = new Set<string>();
  const expanded = template.replace(/\{([^{}]*)\}/g, (placeholder, name: string) => {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (value === undefined) unknown.add(placeholder);
    return value === undefined ? placeholder : encode(value);
  });
  if (unknown.size > 0) {
    const known = Object.keys(variables).map((name) => `{${name}}`);
    throw new OtaError(
      'channel-invalid',
      `${[...unknown].join(' and ')} cannot be filled; known are ${known.join(', ')}`,
    );
  }
  return expanded;
}
