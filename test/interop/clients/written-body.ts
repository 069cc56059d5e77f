// The text for clients that write a message of their own around it; also how it is to arrive, after its line ends have become CRLF.

export const WRITTEN_BODY = 'Written by the client.\n.\n..\n.a dot at the start\n\nthe end\n';
