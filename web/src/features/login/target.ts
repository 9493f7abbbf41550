/** Where to go after the login: a page of this application, never another site. */
export function localTarget(next: string | undefined): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: browsers drop control characters from addresses
  if (!next?.startsWith("/") || next.startsWith("//") || /[\\\u0000-\u001f]/.test(next)) return "/";
  return next.replace(/^\/ui(?=\/|$)/, "") || "/";
}
