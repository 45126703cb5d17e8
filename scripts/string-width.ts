/**
 * Stands in for the `string-width` package inside the bundled command line. Help texts hold no emoji and no
 * wide characters; the real package compiles an emoji pattern that costs 13 ms at every start.
 */
// biome-ignore lint/style/noDefaultExport: the package that it replaces has one
export default function stringWidth(text: string): number {
  return text.length;
}
