"""The networks of nets/ in PyTorch: the same layers, named and ordered as the state_dict that winnow keeps. Narrow
versions divide channels and hidden features by `width`. Dropout layers are there and drop nothing."""

import torch
from torch import nn


def conv_relu(inputs: int, outputs: int, kernel: int, stride: int = 1, pad: int = 0) -> list:
    return [nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=pad), nn.ReLU()]


def hidden(inputs: int, outputs: int) -> list:
    return [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(0)]


def means(features: int, classes: int) -> list:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, classes)]


def concat(parts: list) -> torch.Tensor:
    return torch.cat(parts, 1)


def pool(size: int) -> int:
    """Pixels behind a 3x3 max pool of stride 2."""
    return (size - 3) // 2 + 1


# Teaching versions and small MNIST networks. ------------------------------------------------------------------------

def lenet(width: int, size: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6 // width, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2),
        nn.Conv2d(6 // width, 16 // width, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(16 // width * 25, 120 // width), nn.Sigmoid(),
        nn.Linear(120 // width, 84 // width), nn.Sigmoid(), nn.Linear(84 // width, 10))


def lenet_bn(width: int, size: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6 // width, 5), nn.BatchNorm2d(6 // width), nn.Sigmoid(), nn.AvgPool2d(2),
        nn.Conv2d(6 // width, 16 // width, 5), nn.BatchNorm2d(16 // width), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(16 // width * 16, 120 // width), nn.BatchNorm1d(120 // width), nn.Sigmoid(),
        nn.Linear(120 // width, 84 // width), nn.BatchNorm1d(84 // width), nn.Sigmoid(), nn.Linear(84 // width, 10))


def mnist_cnn(width: int, size: int) -> nn.Module:
    return nn.Sequential(
        *conv_relu(1, 16 // width, 3, pad=1), nn.MaxPool2d(2), *conv_relu(16 // width, 32 // width, 3, pad=1),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 // width * (size // 4) ** 2, 10))


def mnist_bn(width: int, size: int) -> nn.Module:
    c = [1] + [n // width for n in (8, 16, 32, 16)] + [10]
    blocks = [[nn.Conv2d(c[i], c[i + 1], 3, stride=2, padding=1), nn.BatchNorm2d(c[i + 1]), nn.ReLU()] for i in range(5)]
    blocks[4].pop()
    return nn.Sequential(*(nn.Sequential(*block) for block in blocks), nn.Flatten())


def conv_relu_norm(inputs: int, outputs: int, stride: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False), nn.ReLU(),
                         nn.BatchNorm2d(outputs))


class PlainResidual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = conv_relu_norm(channels, channels, 1)
        self.conv2 = conv_relu_norm(channels, channels, 1)

    def forward(self, x):
        return x + self.conv2(self.conv1(x))


def mnist_res(width: int, size: int) -> nn.Module:
    layers, inputs = [], 1
    for outputs in (n // width for n in (8, 16, 32, 16)):
        layers += [conv_relu_norm(inputs, outputs, 2), PlainResidual(outputs)]
        inputs = outputs
    return nn.Sequential(*layers, conv_relu_norm(inputs, 10, 2), nn.Flatten())


def alexnet_features(c: list) -> list:
    return [*conv_relu(1, c[0], 11, stride=4, pad=1), nn.MaxPool2d(3, 2), *conv_relu(c[0], c[1], 5, pad=2),
            nn.MaxPool2d(3, 2), *(layer for a, b in zip(c[1:], c[2:]) for layer in conv_relu(a, b, 3, pad=1)),
            nn.MaxPool2d(3, 2), nn.Flatten()]


def alexnet(width: int, size: int) -> nn.Module:
    c = [n // width for n in (96, 256, 384, 384, 256)]
    side = pool(pool(pool((size - 9) // 4 + 1)))
    return nn.Sequential(*alexnet_features(c), *hidden(c[-1] * side**2, 4096 // width),
                         *hidden(4096 // width, 4096 // width), nn.Linear(4096 // width, 10))


def alexnet_slim(width: int, size: int) -> nn.Module:
    c = [n // width for n in (96, 256, 384, 256)]
    side = pool(pool(pool((size - 9) // 4 + 1)))
    return nn.Sequential(*alexnet_features(c), *hidden(c[-1] * side**2, 4096 // width), nn.Linear(4096 // width, 10))


def vgg11(width: int, size: int) -> nn.Module:
    blocks, inputs = [], 1
    for convolutions, outputs in zip((1, 1, 2, 2, 2), (n // width for n in (64, 128, 256, 512, 512))):
        layers = []
        for _ in range(convolutions):
            layers += conv_relu(inputs, outputs, 3, pad=1)
            inputs = outputs
        blocks.append(nn.Sequential(*layers, nn.MaxPool2d(2)))
    return nn.Sequential(*blocks, nn.Flatten(), *hidden(inputs * (size // 32) ** 2, 4096 // width),
                         *hidden(4096 // width, 4096 // width), nn.Linear(4096 // width, 10))


def nin_block(inputs: int, outputs: int, kernel: int, stride: int, pad: int) -> nn.Module:
    return nn.Sequential(*conv_relu(inputs, outputs, kernel, stride, pad), *conv_relu(outputs, outputs, 1),
                         *conv_relu(outputs, outputs, 1))


def nin(width: int, size: int, channels: int = 1) -> nn.Module:
    c = [n // width for n in (96, 256, 384)]
    return nn.Sequential(nin_block(channels, c[0], 11, 4, 0), nn.MaxPool2d(3, 2), nin_block(c[0], c[1], 5, 1, 2),
                         nn.MaxPool2d(3, 2), nin_block(c[1], c[2], 3, 1, 1), nn.MaxPool2d(3, 2), nn.Dropout(0),
                         nin_block(c[2], 10, 3, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())


# Channels of Inception blocks: 1x1; 1x1, 3x3; 1x1, 5x5; pooled 1x1. None: a max pool between blocks.
INCEPTION = {"3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64), "4a": (192, 96, 208, 16, 48, 64),
             "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
             "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128),
             "5b": (384, 192, 384, 48, 128, 128)}


def inception_channels(name: str, width: int) -> list:
    return [n // width for n in INCEPTION[name]]


def inception_outputs(name: str, width: int) -> int:
    c = inception_channels(name, width)
    return c[0] + c[2] + c[4] + c[5]


class TeachingInception(nn.Module):
    def __init__(self, inputs: int, c: list):
        super().__init__()
        self.p1_1 = nn.Conv2d(inputs, c[0], 1)
        self.p2_1 = nn.Conv2d(inputs, c[1], 1)
        self.p2_2 = nn.Conv2d(c[1], c[2], 3, padding=1)
        self.p3_1 = nn.Conv2d(inputs, c[3], 1)
        self.p3_2 = nn.Conv2d(c[3], c[4], 5, padding=2)
        self.p4_1 = nn.MaxPool2d(3, 1, 1)
        self.p4_2 = nn.Conv2d(inputs, c[5], 1)

    def forward(self, x):
        return concat([self.p1_1(x).relu(), self.p2_2(self.p2_1(x).relu()).relu(),
                          self.p3_2(self.p3_1(x).relu()).relu(), self.p4_2(self.p4_1(x)).relu()])


def googlenet(width: int, size: int) -> nn.Module:
    def blocks(inputs, names, *last):
        layers = []
        for name in names:
            layers.append(TeachingInception(inputs, inception_channels(name, width)))
            inputs = inception_outputs(name, width)
        return nn.Sequential(*layers, *last)

    def shrink():
        return nn.MaxPool2d(3, 2, 1)

    first, second = 64 // width, 192 // width
    return nn.Sequential(
        nn.Sequential(*conv_relu(1, first, 7, 2, 3), shrink()),
        nn.Sequential(*conv_relu(first, first, 1), *conv_relu(first, second, 3, pad=1), shrink()),
        blocks(second, ("3a", "3b"), shrink()),
        blocks(inception_outputs("3b", width), ("4a", "4b", "4c", "4d", "4e"), shrink()),
        blocks(inception_outputs("4e", width), ("5a", "5b"), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(inception_outputs("5b", width), 10))


class TeachingResidual(nn.Module):
    """Two 3x3 convolutions and a shortcut; where sizes change the shortcut is a 1x1 convolution without batch
    norm."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv3 = nn.Conv2d(inputs, outputs, 1, stride=stride) if stride != 1 else None

    def forward(self, x):
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y))
        return (y + (self.conv3(x) if self.conv3 else x)).relu()


def teaching_stem(first: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, first, 7, stride=2, padding=3), nn.BatchNorm2d(first), nn.ReLU(),
                         nn.MaxPool2d(3, 2, 1))


def resnet18(width: int, size: int) -> nn.Module:
    stages = [teaching_stem(64 // width)]
    for s in range(4):
        inputs, outputs = 64 * 2 ** max(0, s - 1) // width, 64 * 2**s // width
        stages.append(nn.Sequential(TeachingResidual(inputs, outputs, 2 if s else 1),
                                    TeachingResidual(outputs, outputs, 1)))
    return nn.Sequential(*stages, *means(512 // width, 10))


class TeachingDenseBlock(nn.Module):
    def __init__(self, inputs: int, growth: int):
        super().__init__()
        self.net = nn.Sequential(*(norm_relu_conv(inputs + i * growth, growth, 3) for i in range(4)))

    def forward(self, x):
        for layer in self.net:
            x = concat([x, layer(x)])
        return x


def norm_relu_conv(inputs: int, outputs: int, kernel: int, *last) -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
                         *last)


def densenet(width: int, size: int) -> nn.Module:
    channels, growth = 64 // width, 32 // width
    layers = [teaching_stem(channels)]
    for block in range(4):
        layers.append(TeachingDenseBlock(channels, growth))
        channels += 4 * growth
        if block < 3:
            layers.append(norm_relu_conv(channels, channels // 2, 1, nn.AvgPool2d(2)))
            channels //= 2
    return nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU(), *means(channels, 10))


# ImageNet and CIFAR versions, with the module names of torchvision. -------------------------------------------------

class Classified(nn.Module):
    """features, a pool, and a classifier of flat features."""

    def __init__(self, features: list, side: int, classifier: list):
        super().__init__()
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(side)
        self.classifier = nn.Sequential(*classifier)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def alexnet_imagenet(width: int, size: int) -> nn.Module:
    c, h = [n // width for n in (64, 192, 384, 256, 256)], 4096 // width
    features = [*conv_relu(3, c[0], 11, 4, 2), nn.MaxPool2d(3, 2), *conv_relu(c[0], c[1], 5, pad=2), nn.MaxPool2d(3, 2),
                *(layer for a, b in zip(c[1:], c[2:]) for layer in conv_relu(a, b, 3, pad=1)), nn.MaxPool2d(3, 2)]
    return Classified(features, 6, [nn.Dropout(0), nn.Linear(c[4] * 36, h), nn.ReLU(), nn.Dropout(0), nn.Linear(h, h),
                                    nn.ReLU(), nn.Linear(h, 10)])


def grouped_relu(inputs: int, outputs: int, kernel: int) -> list:
    return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=2), nn.ReLU()]


def alexnet_2012(width: int, size: int) -> nn.Module:
    def norm_pool():
        return [nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2), nn.MaxPool2d(3, 2)]

    c, h = [n // width for n in (96, 256, 384, 384, 256)], 4096 // width
    side = pool(pool(pool((size - 11) // 4 + 1)))
    net = nn.Sequential()
    net.add_module("features", nn.Sequential(
        *conv_relu(3, c[0], 11, stride=4), *norm_pool(), *grouped_relu(c[0], c[1], 5), *norm_pool(),
        *conv_relu(c[1], c[2], 3, pad=1), *grouped_relu(c[2], c[3], 3), *grouped_relu(c[3], c[4], 3),
        nn.MaxPool2d(3, 2)))
    net.add_module("flatten", nn.Flatten())
    net.add_module("classifier", nn.Sequential(*hidden(c[4] * side**2, h), *hidden(h, h), nn.Linear(h, 10)))
    return net


def vgg13(width: int, size: int) -> nn.Module:
    features, inputs, h = [], 3, 4096 // width
    for outputs in (n // width for n in (64, 128, 256, 512, 512)):
        features += [*conv_relu(inputs, outputs, 3, pad=1), *conv_relu(outputs, outputs, 3, pad=1), nn.MaxPool2d(2)]
        inputs = outputs
    return Classified(features, 7, [*hidden(inputs * 49, h), *hidden(h, h), nn.Linear(h, 10)])


class BasicConv2d(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, pad: int = 0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=pad, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x):
        return self.bn(self.conv(x)).relu()


class Inception(nn.Module):
    def __init__(self, inputs: int, c: list):
        super().__init__()
        self.branch1 = BasicConv2d(inputs, c[0], 1)
        self.branch2 = nn.Sequential(BasicConv2d(inputs, c[1], 1), BasicConv2d(c[1], c[2], 3, pad=1))
        self.branch3 = nn.Sequential(BasicConv2d(inputs, c[3], 1), BasicConv2d(c[3], c[4], 3, pad=1))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), BasicConv2d(inputs, c[5], 1))

    def forward(self, x):
        return concat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)])


def googlenet_imagenet(width: int, size: int) -> nn.Module:
    net, first, inputs = nn.Sequential(), 64 // width, 192 // width
    net.add_module("conv1", BasicConv2d(3, first, 7, 2, 3))
    net.add_module("maxpool1", nn.MaxPool2d(3, 2, ceil_mode=True))
    net.add_module("conv2", BasicConv2d(first, first, 1))
    net.add_module("conv3", BasicConv2d(first, inputs, 3, pad=1))
    net.add_module("maxpool2", nn.MaxPool2d(3, 2, ceil_mode=True))
    for name in INCEPTION:
        net.add_module(f"inception{name}", Inception(inputs, inception_channels(name, width)))
        inputs = inception_outputs(name, width)
        if name == "3b":
            net.add_module("maxpool3", nn.MaxPool2d(3, 2, ceil_mode=True))
        if name == "4e":
            net.add_module("maxpool4", nn.MaxPool2d(2, 2, ceil_mode=True))
    net.add_module("avgpool", nn.AdaptiveAvgPool2d(1))
    net.add_module("flatten", nn.Flatten())
    net.add_module("fc", nn.Linear(inputs, 10))
    return net


class PadChannels(nn.Module):
    """Every other pixel, and channels of zeros at the end."""

    def __init__(self, more: int, stride: int):
        super().__init__()
        self.more, self.stride = more, stride

    def forward(self, x):
        return nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))


class Residual(nn.Module):
    """Basic block or bottleneck. The shortcut where sizes change is a projection ("B") or padded ("A")."""

    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool, shortcut: str):
        super().__init__()
        outputs = 4 * width if bottleneck else width
        plan = ([(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)] if bottleneck else
                [(inputs, width, 3, stride), (width, width, 3, 1)])
        for i, (a, b, kernel, s) in enumerate(plan, 1):
            self.add_module(f"conv{i}", nn.Conv2d(a, b, kernel, stride=s, padding=kernel // 2, bias=False))
            self.add_module(f"bn{i}", nn.BatchNorm2d(b))
        self.depth = len(plan)
        self.downsample = None
        if (stride != 1 or inputs != outputs) and shortcut == "A":
            self.downsample = PadChannels(outputs - inputs, stride)
        elif stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False),
                                            nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = y.relu() if i < self.depth else y
        return (y + (self.downsample(x) if self.downsample else x)).relu()


def residual_stages(net: nn.Module, inputs: int, first: int, blocks: list, bottleneck: bool, shortcut: str) -> int:
    for s, count in enumerate(blocks):
        stage, width = nn.Sequential(), first * 2**s
        for i in range(count):
            stage.append(Residual(inputs, width, 2 if s and not i else 1, bottleneck, shortcut))
            inputs = 4 * width if bottleneck else width
        net.add_module(f"layer{s + 1}", stage)
    return inputs


def residual_network(stem: list, first: int, blocks: list, bottleneck: bool, shortcut: str) -> nn.Module:
    net = nn.Sequential()
    for name, module in stem:
        net.add_module(name, module)
    features = residual_stages(net, first, first, blocks, bottleneck, shortcut)
    for name, module in zip(("avgpool", "flatten", "fc"), means(features, 10)):
        net.add_module(name, module)
    return net


def resnet50(width: int, size: int) -> nn.Module:
    first = 64 // width
    stem = [("conv1", nn.Conv2d(3, first, 7, stride=2, padding=3, bias=False)), ("bn1", nn.BatchNorm2d(first)),
            ("relu", nn.ReLU()), ("maxpool", nn.MaxPool2d(3, 2, 1))]
    return residual_network(stem, first, [3, 4, 6, 3], True, "B")


def resnet20(width: int, size: int) -> nn.Module:
    first = 16 // width
    stem = [("conv1", nn.Conv2d(3, first, 3, padding=1, bias=False)), ("bn1", nn.BatchNorm2d(first)),
            ("relu", nn.ReLU())]
    return residual_network(stem, first, [3, 3, 3], False, "A")


class DenseLayer(nn.Module):
    def __init__(self, inputs: int, growth: int):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv1(self.norm1(x).relu())
        return concat([x, self.conv2(self.norm2(y).relu())])


def densenet121(width: int, size: int) -> nn.Module:
    features, channels, growth = nn.Sequential(), 64 // width, 32 // width
    features.add_module("conv0", nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False))
    features.add_module("norm0", nn.BatchNorm2d(channels))
    features.add_module("relu0", nn.ReLU())
    features.add_module("pool0", nn.MaxPool2d(3, 2, 1))
    for b, count in enumerate((6, 12, 24, 16), 1):
        block = nn.Sequential()
        for i in range(1, count + 1):
            block.add_module(f"denselayer{i}", DenseLayer(channels, growth))
            channels += growth
        features.add_module(f"denseblock{b}", block)
        if b == 4:
            break
        transition = nn.Sequential()
        transition.add_module("norm", nn.BatchNorm2d(channels))
        transition.add_module("relu", nn.ReLU())
        transition.add_module("conv", nn.Conv2d(channels, channels // 2, 1, bias=False))
        transition.add_module("pool", nn.AvgPool2d(2))
        features.add_module(f"transition{b}", transition)
        channels //= 2
    features.add_module("norm5", nn.BatchNorm2d(channels))
    net = nn.Sequential()
    net.add_module("features", features)
    for name, module in zip(("relu", "avgpool", "flatten", "classifier"), [nn.ReLU(), *means(channels, 10)]):
        net.add_module(name, module)
    return net


# By name and variant; called with the width divisor and the size of the input.
BY_NAME = {
    ("lenet", "d2l"): lenet, ("lenet-bn", "d2l"): lenet_bn, ("mnist-cnn", "d2l"): mnist_cnn,
    ("mnist-bn", "d2l"): mnist_bn, ("mnist-res", "d2l"): mnist_res, ("alexnet", "d2l"): alexnet,
    ("alexnet-slim", "d2l"): alexnet_slim, ("vgg11", "d2l"): vgg11, ("nin", "d2l"): nin,
    ("googlenet", "d2l"): googlenet, ("resnet18", "d2l"): resnet18, ("densenet", "d2l"): densenet,
    ("alexnet", "imagenet"): alexnet_imagenet, ("alexnet-2012", "imagenet"): alexnet_2012,
    ("vgg13", "imagenet"): vgg13,
    ("nin", "imagenet"): lambda width, size: nin(width, size, channels=3),
    ("googlenet", "imagenet"): googlenet_imagenet, ("resnet50", "imagenet"): resnet50,
    ("densenet121", "imagenet"): densenet121, ("resnet20", "cifar"): resnet20,
}
