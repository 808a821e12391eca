"""What the firm and its customers wrote, said and signed: all of it made up."""

from __future__ import annotations

import datetime
import io
import math
import wave
from email.message import EmailMessage
from email.policy import SMTP
from random import Random

from ledger.sample.people import FICTIONAL, FIRM, FIRM_MAIL, Customer, Order, yuan

_CHAT = (
    ("客户", "你好，这周六上午能来做一次{service}吗？"),
    ("客服", "您好，周六上午九点可以安排，地址还是{address}吗？"),
    ("客户", "对，电话也没变，{phone}。"),
    ("客服", "收到。{service}费用{amount}元，做完再付。"),
    ("客户", "好的，可以开发票吗？"),
    ("客服", "可以，发票抬头请发我一下。"),
    ("客户", "就写{name}，谢谢。"),
    ("客服", "已为您登记，订单号{number}。"),
)


def contract_paragraphs(customer: Customer, order: Order) -> list[str]:
    """The clauses of a service contract between the firm and `customer`."""
    return [
        FICTIONAL,
        f"合同编号：HT-{order.number}",
        f"甲方（客户）：{customer.name}　身份证号：{customer.identity}",
        f"乙方（服务方）：{FIRM}",
        f"服务地址：{customer.address}　联系电话：{customer.phone}",
        f"第一条　乙方自{order.day:%Y年%m月%d日}起为甲方提供{order.service}服务，为期一年。",
        f"第二条　每次服务费人民币{yuan(order.amount)}元，甲方于服务完成后七日内付款。",
        "第三条　乙方人员进入甲方住所须出示工作证，钥匙由双方签字交接。",
        "第四条　乙方仅为履行本合同使用甲方个人信息，合同终止后依法保存或者删除。",
        "第五条　乙方转让业务的，应当事先告知甲方接收方的名称和联系方式。",
        "第六条　争议由双方协商解决；协商不成的，向服务地人民法院起诉。",
    ]


def contract_table(order: Order) -> list[list[str]]:
    """The price table that goes into the contract."""
    return [
        ["服务项目", "单次价格（元）", "首次服务日"],
        [order.service, yuan(order.amount), f"{order.day:%Y-%m-%d}"],
    ]


def invoice_lines(order: Order) -> list[str]:
    """The lines of a receipt for one order."""
    return [
        FICTIONAL,
        "",
        f"收据编号：SJ-{order.number}",
        f"日期：{order.day:%Y-%m-%d}",
        f"客户：{order.customer.name}（{order.customer.number}）",
        f"服务地址：{order.customer.address}",
        "",
        f"项目：{order.service}",
        f"金额：人民币 {yuan(order.amount)} 元",
        f"付款卡号：{order.customer.bank_card}",
        "",
        f"收款单位：{FIRM}",
    ]


def chat(random: Random, order: Order) -> str:
    """A chat about one order, a line per message with the time in front."""
    at = datetime.datetime.combine(order.day, datetime.time(9)) - datetime.timedelta(days=3)
    lines = [f"【{FICTIONAL}】", f"聊天记录　{order.customer.name}　{FIRM}", ""]
    for speaker, words in _CHAT:
        at += datetime.timedelta(seconds=random.randrange(20, 600))
        said = words.format(
            service=order.service,
            address=order.customer.address,
            phone=order.customer.phone,
            amount=yuan(order.amount),
            name=order.customer.name,
            number=order.number,
        )
        who = order.customer.name if speaker == "客户" else FIRM
        lines.append(f"{at:%Y-%m-%d %H:%M:%S} {who}：{said}")
    return "\r\n".join(lines) + "\r\n"


def mail(order: Order, charset: str, attachment: tuple[str, bytes]) -> bytes:
    """An e-mail (RFC 5322) from the customer with one PDF attached, its text in `charset`.

    `attachment` is the file's name and content.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = f'"{order.customer.name}" <{order.customer.mail}>'
    message["To"] = f'"{FIRM}" <{FIRM_MAIL}>'
    message["Subject"] = f"关于订单{order.number}（{order.service}）的确认"
    message["Date"] = datetime.datetime.combine(
        order.day, datetime.time(8, 30), datetime.timezone(datetime.timedelta(hours=8))
    )
    message["Message-ID"] = f"<{order.number}@customer.example>"
    message["X-Note"] = "Fictional, for demonstration only"
    message.set_content(
        f"{FIRM}：\n\n订单{order.number}的收据已收到，见附件。\n"
        f"下次服务请提前一天致电{order.customer.phone}。\n\n{order.customer.name}\n\n{FICTIONAL}\n",
        charset=charset,
        cte="base64",
    )
    name, content = attachment
    message.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    message.set_boundary(f"=={order.number}==")
    return message.as_bytes()


def call(random: Random) -> bytes:
    """One second of a recorded call as WAV: 8 kHz, 16 bit, mono; two tones in place of voices."""
    rate = 8_000
    low, high = random.randrange(180, 260), random.randrange(300, 480)
    samples = bytearray()
    for number in range(rate):
        tone = low if number < rate // 2 else high
        value = round(6_000 * math.sin(2 * math.pi * tone * number / rate))
        samples += value.to_bytes(2, "little", signed=True)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(bytes(samples))
    return buffer.getvalue()


def table(header: list[str], rows: list[list[str]], charset: str) -> bytes:
    """Comma-separated values with lines ended as Excel ends them."""
    lines = [",".join(row) for row in [header, *rows]]
    return ("\r\n".join(lines) + "\r\n").encode(charset)
