"""Messages of protobuf, as far as cases need them: no package is."""


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """(field number, value or bytes) of a message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            size, at = varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = data[at:at + size], at + size
        yield key >> 3, value


def encoded(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def embedded(field, payload):
    return encoded(field << 3 | 2) + encoded(len(payload)) + payload


def first(data, field, default=None):
    return next((value for number, value in fields(data) if number == field), default)


def tensors_of(value):
    """A tensor, or those of a sequence or optional, which have a name as field 1 and nothing where a tensor has data."""
    found = list(fields(value))
    numbers = {number for number, _ in found}
    if 3 in numbers:
        return [held for number, held in found if number == 3]
    is_tensor = any(number == 1 and isinstance(held, int) for number, held in found) or numbers & {4, 6, 7, 9, 10, 11}
    if not is_tensor and element_type(value) == 3:
        return [tensor for number, held in found if number == 5 for tensor in tensors_of(held)]
    return [value] if is_tensor or 5 in numbers else []


def element_type(tensor):
    return first(tensor, 2, 0)


def rank(tensor):
    """Dims come packed or one by one."""
    count = 0
    for number, value in fields(tensor):
        if number == 1 and isinstance(value, int):
            count += 1
        elif number == 1:
            count += sum(byte < 0x80 for byte in value)
    return count
