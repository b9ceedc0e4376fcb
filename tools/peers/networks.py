"""The networks of nets/ in PyTorch: the same layers, named and ordered as the state_dict that winnow keeps."""

from collections import OrderedDict

from torch import nn


def lenet(width: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6 // width, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2),
        nn.Conv2d(6 // width, 16 // width, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(16 // width * 25, 120 // width), nn.Sigmoid(),
        nn.Linear(120 // width, 84 // width), nn.Sigmoid(), nn.Linear(84 // width, 10))


def mnist_cnn(width: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16 // width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16 // width, 32 // width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(32 // width * 49, 10))


def alexnet(width: int = 1, features: int = 25) -> nn.Module:
    """`features`: pixels of the last map, 25 for an input of 224."""
    c = [n // width for n in (96, 256, 384, 384, 256)]
    hidden = 4096 // width
    return nn.Sequential(
        nn.Conv2d(1, c[0], 11, stride=4, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(c[0], c[1], 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(c[1], c[2], 3, padding=1), nn.ReLU(),
        nn.Conv2d(c[2], c[3], 3, padding=1), nn.ReLU(),
        nn.Conv2d(c[3], c[4], 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(c[4] * features, hidden), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.5), nn.Linear(hidden, 10))


class Residual(nn.Module):
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


def resnet18(width: int = 1) -> nn.Module:
    first = 64 // width
    stages = [nn.Sequential(nn.Conv2d(1, first, 7, stride=2, padding=3), nn.BatchNorm2d(first), nn.ReLU(),
                            nn.MaxPool2d(3, 2, 1))]
    for s in range(4):
        inputs, outputs = 64 * 2 ** max(0, s - 1) // width, 64 * 2**s // width
        stages.append(nn.Sequential(Residual(inputs, outputs, 2 if s else 1), Residual(outputs, outputs, 1)))
    return nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512 // width, 10))


BY_NAME = OrderedDict([("lenet", lenet), ("mnist-cnn", mnist_cnn), ("alexnet", alexnet), ("resnet18", resnet18)])
