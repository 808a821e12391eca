"""The sample firm's folder: which files there are, what they are called, what is in them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from random import Random

from ledger.errors import UsageError
from ledger.sample import texts
from ledger.sample.office import Cell, docx, xlsx
from ledger.sample.pdf import pdf
from ledger.sample.people import FICTIONAL, FIRM, Customer, Order, customers, orders, yuan
from ledger.sample.scan import identity_card

_READ_ME = (
    f"{FICTIONAL}\r\n\r\n"
    f"本文件夹是虚构的“{FIRM}”的客户资料。人物、证件号码、电话、地址、金额均为程序生成，\r\n"
    "与任何真实的个人或者单位无关。\r\n"
    "The people, numbers, addresses and amounts in this folder were made by a program.\r\n"
)
_ORDER_COLUMNS = ["订单号", "日期", "客户编号", "客户姓名", "电话", "地址", "服务", "金额", "备注"]
_PAYMENT_COLUMNS = ["流水号", "日期", "客户姓名", "付款卡号", "金额", "备注"]
_MADE = datetime.date(2024, 12, 31)


def write_sample(folder: Path, seed: int) -> list[Path]:
    """Write the sample into `folder`, which is made if it is missing, and return the files.

    The same `seed` gives the same names and bytes, in the same order. Raises UsageError when the
    folder holds anything already: nobody's files are overwritten.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(
            "The folder for the sample is not empty; nothing was written.",
            "Name an empty or a new folder.",
        )
    written = []
    for name, content in _files(Random(seed)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.append(path)
    return written


def _files(random: Random) -> Iterator[tuple[str, bytes]]:
    """Every file's name, with folders, and content."""
    people = customers(random, 40)
    old, new = orders(random, people, 2023, 480), orders(random, people, 2024, 360)
    yield "说明（虚构资料）.txt", _READ_ME.encode()
    yield "客户名单.xlsx", xlsx("客户名单", _customer_rows(people), _MADE)
    yield from _contracts(random.sample(new, 18))
    yield from _tables(old, new)
    yield from _receipts(random.sample(new, 6))
    for person in people[:8]:
        yield f"身份证扫描/身份证_{person.name}.jpg", identity_card(random, person)
    for order in random.sample(new, 8):
        yield f"通话录音/{order.day:%Y%m%d}_{order.number}.wav", texts.call(random)
    yield from _mails(random.sample(new, 8))
    yield from _chats(random, random.sample(new, 8))


def _contracts(chosen: list[Order]) -> Iterator[tuple[str, bytes]]:
    for number, order in enumerate(chosen):
        name = f"服务合同_{order.number}_{order.customer.name}"
        paragraphs = texts.contract_paragraphs(order.customer, order)
        if number % 3:
            content = docx("保洁服务合同", paragraphs, texts.contract_table(order), order.day)
            yield f"合同/电子版/{name}.docx", content
        else:
            signed = [*map(_in_reach, paragraphs), "", "甲方（签字）：　　　　　乙方（盖章）："]
            yield f"合同/签署版/{name}.pdf", pdf("保洁服务合同", signed, f"{order.day:%Y%m%d}")


def _tables(old: list[Order], new: list[Order]) -> Iterator[tuple[str, bytes]]:
    """Orders and payments: the old programme exported GB18030, the new one UTF-8 with a mark."""
    yield "订单/订单_2023.csv", texts.table(_ORDER_COLUMNS, _order_rows(old), "gb18030")
    yield "订单/订单_2024.csv", texts.table(_ORDER_COLUMNS, _order_rows(new), "utf-8-sig")
    yield "订单/订单汇总.xlsx", xlsx("订单汇总", _summary_rows(old + new), _MADE)
    yield "付款/收款流水_2024.csv", texts.table(_PAYMENT_COLUMNS, _payment_rows(new), "gb18030")


def _receipts(chosen: list[Order]) -> Iterator[tuple[str, bytes]]:
    for order in chosen:
        yield f"付款/收据/收据_{order.number}.pdf", _receipt(order)


def _mails(chosen: list[Order]) -> Iterator[tuple[str, bytes]]:
    for number, order in enumerate(chosen):
        attachment = (f"收据_{order.number}.pdf", _receipt(order))
        charset = ("utf-8", "gb18030")[number % 2]
        yield f"往来邮件/{order.number}_确认.eml", texts.mail(order, charset, attachment)


def _chats(random: Random, chosen: list[Order]) -> Iterator[tuple[str, bytes]]:
    for number, order in enumerate(chosen):
        charset = ("utf-8", "gb18030")[number % 4 == 3]
        name = f"聊天记录/与{order.customer.name}的聊天_{order.number}.txt"
        yield name, texts.chat(random, order).encode(charset)


def _receipt(order: Order) -> bytes:
    lines = [_in_reach(line) for line in texts.invoice_lines(order)]
    return pdf("收据", lines, f"{order.day:%Y%m%d}")


def _in_reach(text: str) -> str:
    """What the old receipt printer did to a rare character: 〓, as on many real papers."""
    return "".join(char if ord(char) <= 0xFFFF else "〓" for char in text)


def _customer_rows(people: list[Customer]) -> list[list[Cell]]:
    header: list[Cell] = ["编号", "姓名", "身份证号", "电话", "地址", "银行卡", "邮箱"]
    rows: list[list[Cell]] = [
        [p.number, p.name, p.identity, p.phone, p.address, p.bank_card, p.mail] for p in people
    ]
    return [[FICTIONAL], header, *rows]


def _summary_rows(all_orders: list[Order]) -> list[list[Cell]]:
    header: list[Cell] = ["订单号", "日期", "客户", "服务", "金额（元）"]
    rows: list[list[Cell]] = [
        [order.number, order.day, order.customer.name, order.service, order.amount / 100]
        for order in all_orders
    ]
    return [[FICTIONAL], header, *rows]


def _order_rows(chosen: list[Order]) -> list[list[str]]:
    return [
        [
            order.number,
            f"{order.day}",
            order.customer.number,
            order.customer.name,
            order.customer.phone,
            order.customer.address,
            order.service,
            yuan(order.amount),
            "虚构",
        ]
        for order in chosen
    ]


def _payment_rows(chosen: list[Order]) -> list[list[str]]:
    return [
        [
            f"LS{order.number[2:]}",
            f"{order.day + datetime.timedelta(days=int(order.number[-1]) % 7)}",
            order.customer.name,
            order.customer.bank_card,
            yuan(order.amount),
            "虚构",
        ]
        for order in chosen
    ]
