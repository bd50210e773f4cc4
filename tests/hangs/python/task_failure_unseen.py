# A task fails in the background, and nobody ever asks for its result.
#
# expect: Exception ignored in task 'mailer', whose failure nobody looked at
# expect: line {line A}, in send_mail
# expect: KeyError: 'no recipient'
import bide


async def send_mail():
    raise KeyError("no recipient")  # A


async def main():
    mailer = bide.spawn(send_mail(), name="mailer")
    while not mailer.done():
        await bide.yield_now()


bide.run(main())
